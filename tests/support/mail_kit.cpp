// Keys and signed messages for tests, the demonstration and benchmarks:
//   mail_kit keygen --algorithm rsa|ed25519 --key FILE     writes the key, prints its TXT record
//   mail_kit record --key FILE                             prints it again
//   mail_kit sign --key FILE --domain D --selector S < in.eml > out.eml
#include <CLI/CLI.hpp>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include "auth/dkim_sign.h"

namespace {

using namespace gatepost;

struct Failure {
    std::string what;
};

template <class T>
T must(protocol::Result<T> result, const std::string& about) {
    if (!result) throw Failure{about + ": " + result.problem()};
    return std::move(*result);
}

protocol::Domain domain_of(const std::string& text) {
    const auto domain = protocol::Domain::parse(text);
    if (!domain) throw Failure{text + ": no domain name"};
    return *domain;
}

std::string read_all(std::istream& in) {
    return {std::istreambuf_iterator<char>(in), {}};
}

// Files mostly have lines that end with LF alone; what is signed is what SMTP carries.
std::string with_crlf(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c == '\n' && !out.ends_with('\r')) out += '\r';
        out += c;
    }
    return out;
}

auth::PrivateKey load_key(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Failure{path + ": cannot be read"};
    return must(auth::PrivateKey::from_pem(read_all(file)), path);
}

struct Request {
    std::string algorithm = "rsa";
    std::string key;
    std::string domain;
    std::string selector;
    std::int64_t now = std::time(nullptr);
    std::string canonicalization = "relaxed/relaxed";
};

void keygen(const Request& request) {
    const auto type = request.algorithm == "rsa" ? auth::KeyType::rsa : auth::KeyType::ed25519;
    const auto key = auth::PrivateKey::generate(type);
    std::ofstream file(request.key, std::ios::binary);
    file << key.pem();
    if (!file.flush()) throw Failure{request.key + ": cannot be written"};
    std::cout << auth::key_record(key) << '\n';
}

void record(const Request& request) {
    std::cout << auth::key_record(load_key(request.key)) << '\n';
}

void sign(const Request& request) {
    const auto key = load_key(request.key);
    std::string text = with_crlf(read_all(std::cin));
    const auto end = text.find("\r\n\r\n");
    const bool has_body = end != std::string::npos;
    const auto header = must(protocol::Header::parse(has_body ? text.substr(0, end + 2) : text), "header");
    const auto mode = [](bool is_simple) {
        return is_simple ? auth::Canonicalization::simple : auth::Canonicalization::relaxed;
    };
    const auth::SigningOptions options{
        .domain = domain_of(request.domain),
        .selector = domain_of(request.selector),
        .now = request.now,
        .header_canonicalization = mode(request.canonicalization.starts_with("simple")),
        .body_canonicalization = mode(request.canonicalization.ends_with("simple")),
    };
    std::cout << auth::sign(header, has_body ? text.substr(end + 4) : "", key, options) << text;
}

}  // namespace

int main(int argc, char** argv) {
    Request request;
    CLI::App app{"Keys and signed messages for tests"};
    app.require_subcommand(1);
    const auto needs_key = [&](CLI::App* command) { command->add_option("--key", request.key)->required(); };
    auto* make = app.add_subcommand("keygen", "write a new key, print its TXT record");
    make->add_option("--algorithm", request.algorithm)->check(CLI::IsMember({"rsa", "ed25519"}));
    needs_key(make);
    make->callback([&] { keygen(request); });
    auto* show = app.add_subcommand("record", "print the TXT record of a key");
    needs_key(show);
    show->callback([&] { record(request); });
    auto* put = app.add_subcommand("sign", "sign the message on standard input");
    needs_key(put);
    put->add_option("--domain", request.domain)->required();
    put->add_option("--selector", request.selector)->required();
    put->add_option("--now", request.now);
    put->add_option("--canonicalization", request.canonicalization)
        ->check(CLI::IsMember({"relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"}));
    put->callback([&] { sign(request); });
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    } catch (const Failure& failure) {
        std::cerr << "mail_kit: " << failure.what << '\n';
        return 1;
    }
    return 0;
}
