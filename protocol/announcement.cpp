#include "protocol/announcement.h"

#include <string_view>

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxCommand = 510;  // with CRLF 512
constexpr std::size_t kMaxValue = 255;
constexpr std::string_view kUnavailable = "[UNAVAILABLE]";

std::string xtext(std::string_view text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (c > ' ' && c < 0x7f && c != '+' && c != '=') {
            out += c;
        } else {
            const auto octet = static_cast<unsigned char>(c);
            out += {'+', kHex[octet >> 4], kHex[octet & 15]};
        }
    }
    return out;
}

// What does not fit is left unsaid: half a name is another name.
std::string value_of(std::string_view text) {
    std::string encoded = xtext(text);
    return encoded.empty() || encoded.size() > kMaxValue ? std::string(kUnavailable) : encoded;
}

std::string address_value(const IpAddress& address) {
    return (address.is_v4() ? "" : "IPV6:") + address.text();
}

std::string port_value(std::uint16_t port) {
    return port == 0 ? std::string(kUnavailable) : std::to_string(port);
}

std::string name_value(const ReverseName& name, bool may_be_unclear) {
    if (name.confirmed) return value_of(name.confirmed->text());
    return name.is_unclear && may_be_unclear ? "[TEMPUNAVAIL]" : std::string(kUnavailable);
}

class Commands {
  public:
    Commands(std::string_view verb, Attributes listed) : verb_(verb), listed_(listed) {}

    void add(Attribute attribute, std::string_view name, const std::string& value) {
        if (!has(listed_, attribute)) return;
        const std::size_t length = 1 + name.size() + 1 + value.size();
        if (commands_.empty() || commands_.back().size() + length > kMaxCommand)
            commands_.emplace_back(verb_);
        commands_.back().append(" ").append(name).append("=").append(value);
    }
    std::vector<std::string> take() { return std::move(commands_); }

  private:
    std::string_view verb_;
    Attributes listed_;
    std::vector<std::string> commands_;
};

void add_common(Commands& commands, const ClientFacts& client) {
    commands.add(Attribute::proto, "PROTO", client.is_extended ? "ESMTP" : "SMTP");
    commands.add(Attribute::helo, "HELO", value_of(client.helo));
    commands.add(Attribute::port, "PORT", port_value(client.port));
}

}  // namespace

std::vector<std::string> xclient_commands(const ClientFacts& client, const ReverseName& name,
                                          Attributes listed) {
    Commands commands("XCLIENT", listed);
    add_common(commands, client);
    if (client.destination) {
        commands.add(Attribute::destaddr, "DESTADDR", address_value(*client.destination));
        commands.add(Attribute::destport, "DESTPORT", port_value(client.destination_port));
    }
    commands.add(Attribute::addr, "ADDR", address_value(client.address));
    commands.add(Attribute::name, "NAME", name_value(name, true));
    return commands.take();
}

std::vector<std::string> xforward_commands(const ClientFacts& client, const ReverseName& name,
                                           Attributes listed) {
    Commands commands("XFORWARD", listed);
    add_common(commands, client);
    commands.add(Attribute::ident, "IDENT", value_of(client.id));
    commands.add(Attribute::source, "SOURCE", "REMOTE");
    commands.add(Attribute::addr, "ADDR", address_value(client.address));
    commands.add(Attribute::name, "NAME", name_value(name, false));
    return commands.take();
}

}  // namespace gatepost::protocol
