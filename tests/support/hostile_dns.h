// A DNS server on the test's own io_context that answers as told: wrongly, late, twice, in pieces, or not at
// all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "gateway/asio.h"
#include "tests/support/dns_packets.h"

namespace gatepost::tests {

class HostileDns {
  public:
    struct Asked {
        std::string packet;
        std::string name;  // as it was sent, in its letter case
        unsigned type;
        std::uint16_t source_port;
        bool by_tcp;
        unsigned id() const {
            return static_cast<unsigned char>(packet[0]) << 8 | static_cast<unsigned char>(packet[1]);
        }
        bool has_edns() const { return packet[11] == 1; }
        std::string lowered_name() const {
            std::string text = name;
            for (char& c : text) {
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
            }
            return text;
        }
    };
    // The packets that go back, in order; over TCP each with its length in front.
    using Answer = std::function<std::vector<std::string>(const Asked&)>;

    explicit HostileDns(asio::io_context& context, Answer as_told = {})
        : answer(std::move(as_told)), context_(context), udp_(context), stranger_(context), tcp_(context) {
        bind_both();
        receive();
        accept();
    }
    ~HostileDns() {
        udp_.close();
        tcp_.close();
        for (const auto& socket : sockets_) socket->close();
    }
    HostileDns(const HostileDns&) = delete;

    config::Endpoint endpoint() const {
        return {*protocol::IpAddress::parse("127.0.0.1"), udp_.local_endpoint().port()};
    }
    void send(const Asked& query, const std::string& packet) { send_from(udp_, query, packet); }
    // From a port that was not asked.
    void send_as_stranger(const Asked& query, const std::string& packet) {
        send_from(stranger_, query, packet);
    }

    Answer answer;
    // Over TCP, raw octets in place of `answer`; empty: the connection is closed.
    std::function<std::string(const Asked&)> tcp_octets;
    bool closes_tcp = false;
    std::vector<Asked> asked;

  private:
    using udp = gateway::udp;
    using tcp = gateway::tcp;
    using ErrorCode = gateway::ErrorCode;

    void bind_both() {
        const auto loopback = asio::ip::address_v4::loopback();
        stranger_ = udp::socket(context_, udp::endpoint(loopback, 0));
        for (;;) {
            udp_ = udp::socket(context_, udp::endpoint(loopback, 0));
            const tcp::endpoint same(loopback, udp_.local_endpoint().port());
            tcp_ = tcp::acceptor(context_);
            tcp_.open(tcp::v4());
            ErrorCode taken;
            tcp_.bind(same, taken);
            if (!taken) break;
        }
        tcp_.listen();
    }
    static void send_from(udp::socket& socket, const Asked& query, const std::string& packet) {
        ErrorCode ignored;
        socket.send_to(asio::buffer(packet), {asio::ip::address_v4::loopback(), query.source_port}, 0,
                       ignored);
    }
    static Asked read(std::string packet, std::uint16_t port, bool by_tcp) {
        Asked query{packet, "", 0, port, by_tcp};
        std::size_t at = 12;
        while (at < packet.size() && packet[at] != 0) {
            const auto length = static_cast<unsigned char>(packet[at]);
            query.name += (query.name.empty() ? "" : ".") + packet.substr(at + 1, length);
            at += 1 + length;
        }
        query.type = static_cast<unsigned>(static_cast<unsigned char>(packet.at(at + 1)) << 8 |
                                           static_cast<unsigned char>(packet.at(at + 2)));
        return query;
    }
    void receive() {
        udp_.async_receive_from(asio::buffer(buffer_), from_, [this](ErrorCode error, std::size_t size) {
            if (error) return;
            asked.push_back(read({buffer_, size}, from_.port(), false));
            const Asked query = asked.back();
            if (answer) {
                for (const auto& packet : answer(query)) send(query, packet);
            }
            receive();
        });
    }
    void accept() {
        tcp_.async_accept([this](ErrorCode error, tcp::socket socket) {
            if (error) return;
            sockets_.push_back(std::make_shared<tcp::socket>(std::move(socket)));
            if (closes_tcp) {
                sockets_.back()->close();
            } else {
                converse(sockets_.back());
            }
            accept();
        });
    }
    void converse(const std::shared_ptr<tcp::socket>& socket) {
        auto octets = std::make_shared<std::string>(2, '\0');
        asio::async_read(
            *socket, asio::buffer(*octets), [this, socket, octets](ErrorCode error, std::size_t) {
                if (error) return;
                const auto size =
                    static_cast<unsigned char>((*octets)[0]) << 8 | static_cast<unsigned char>((*octets)[1]);
                octets->resize(static_cast<std::size_t>(size));
                asio::async_read(*socket, asio::buffer(*octets),
                                 [this, socket, octets](ErrorCode cut, std::size_t) {
                                     if (!cut) reply(socket, *octets);
                                 });
            });
    }
    void reply(const std::shared_ptr<tcp::socket>& socket, const std::string& packet) {
        ErrorCode gone;
        asked.push_back(read(packet, socket->remote_endpoint(gone).port(), true));
        const Asked query = asked.back();
        std::string octets;
        if (tcp_octets) {
            octets = tcp_octets(query);
        } else if (answer) {
            for (const auto& each : answer(query)) octets += u16(static_cast<unsigned>(each.size())) + each;
        }
        asio::write(*socket, asio::buffer(octets), gone);
        if (octets.empty() && tcp_octets) socket->close();
    }

    asio::io_context& context_;
    udp::socket udp_, stranger_;
    tcp::acceptor tcp_;
    std::vector<std::shared_ptr<tcp::socket>> sockets_;
    udp::endpoint from_;
    char buffer_[4096];
};

}  // namespace gatepost::tests
