#include "auth/spf_engine.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/types.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string_view>

#define HAVE_DECL_NS_T_SPF 1  // the C library has it; the header would make it a macro
extern "C" {
#include <spf2/spf.h>
}

#include "auth/spf_canon.h"
#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

constexpr std::uint32_t kClient = 0xc0000201;   // 192.0.2.1: who the engine thinks the client is
constexpr std::uint32_t kAnother = 0xc6120001;  // 198.18.0.1: somebody else
constexpr char kHost[] = "n0.x";
constexpr int kNoLimit = 1000;  // the limits are ours, over the whole check

using Server = std::unique_ptr<SPF_server_t, decltype(&SPF_server_free)>;
using Request = std::unique_ptr<SPF_request_t, decltype(&SPF_request_free)>;
using Response = std::unique_ptr<SPF_response_t, decltype(&SPF_response_free)>;
using Answer = std::unique_ptr<SPF_dns_rr_t, decltype(&SPF_dns_rr_free)>;

// The zone of the walk under way, and what went wrong in it: no exception may cross the library.
struct Walk {
    SpfZone& zone;
    std::exception_ptr trouble;
};

constexpr std::size_t kNoAlias = static_cast<std::size_t>(-1);

std::size_t alias_of(std::string_view name) {
    std::size_t alias = kNoAlias;
    if (!name.starts_with('n') || !name.ends_with(".x")) return kNoAlias;
    const char* end = name.data() + name.size() - 2;
    const auto [stop, error] = std::from_chars(name.data() + 1, end, alias);
    return error == std::errc() && stop == end ? alias : kNoAlias;
}

Answer new_answer(SPF_dns_server_t* dns, const char* name, ns_type type, int status) {
    Answer answer(SPF_dns_rr_new_init(dns, name, type, 0, status), &SPF_dns_rr_free);
    if (!answer) throw std::bad_alloc();
    return answer;
}

SPF_dns_rr_data_t& add(SPF_dns_rr_t& answer, std::size_t octets) {
    const int index = answer.num_rr;
    if (SPF_dns_rr_buf_realloc(&answer, index, octets) != SPF_E_SUCCESS) throw std::bad_alloc();
    answer.num_rr = index + 1;
    return *answer.rr[index];
}

// The union's text members are declared with one octet and allocated with as many as were asked for.
void add_text(SPF_dns_rr_t& answer, const std::string& text) {
    std::memcpy(static_cast<void*>(&add(answer, text.size() + 1)), text.c_str(), text.size() + 1);
}

void fill(SPF_dns_rr_t& answer, SpfZone& zone, std::size_t alias, ns_type type) {
    if (type == ns_t_txt) {
        const auto text = zone.record(alias);
        if (!text.empty() && !is_canonical(text)) throw std::logic_error("SPF text is not canonical");
        if (!text.empty()) add_text(answer, text);
    } else if (type == ns_t_mx) {
        for (const auto host : zone.exchanges(alias)) add_text(answer, alias_name(host));
    } else if (type == ns_t_a) {
        const auto found = zone.address(alias);
        if (found == SpfZone::Answer::none) return;
        add(answer, sizeof(in_addr)).a.s_addr =
            htonl(found == SpfZone::Answer::the_client ? kClient : kAnother);
    }
}

// The library aborts when this returns null, so it never does while there is memory.
SPF_dns_rr_t* look_up(SPF_dns_server_t* dns, const char* name, ns_type type, int) noexcept {
    auto& walk = *static_cast<Walk*>(dns->hook);
    auto answer = new_answer(dns, name, type, NETDB_SUCCESS);
    const auto alias = alias_of(name);
    try {
        if (alias != kNoAlias && !walk.trouble) fill(*answer, walk.zone, alias, type);
    } catch (...) {
        walk.trouble = std::current_exception();
        answer->num_rr = 0;
    }
    if (answer->num_rr == 0) answer->herrno = HOST_NOT_FOUND;
    return answer.release();
}

SpfResult result_of(SPF_result_t result) {
    switch (result) {
        case SPF_RESULT_NEUTRAL: return SpfResult::neutral;
        case SPF_RESULT_PASS: return SpfResult::pass;
        case SPF_RESULT_FAIL: return SpfResult::fail;
        case SPF_RESULT_SOFTFAIL: return SpfResult::softfail;
        case SPF_RESULT_NONE: return SpfResult::none;
        case SPF_RESULT_PERMERROR: return SpfResult::permerror;
        default: return SpfResult::temperror;
    }
}

class LibSpf2 : public SpfEngine {
  public:
    LibSpf2() : server_(SPF_server_new_dns(&dns_, 0), &SPF_server_free) {
        if (!server_) throw std::bad_alloc();
        dns_.lookup = &look_up;
        dns_.name = "gatepost";
        SPF_server_set_rec_dom(server_.get(), kHost);  // else it asks the system for its name each time
        SPF_response_t* problems = nullptr;
        SPF_server_set_explanation(server_.get(), "no", &problems);
        if (problems) SPF_response_free(problems);
        SPF_server_set_max_dns_mech(server_.get(), kNoLimit);
        SPF_server_set_max_dns_mx(server_.get(), kNoLimit);
        SPF_server_set_max_dns_ptr(server_.get(), kNoLimit);
    }

    SpfVerdict walk(SpfZone& zone) override {
        Walk walk{zone, nullptr};
        dns_.hook = &walk;
        Request request(SPF_request_new(server_.get()), &SPF_request_free);
        if (!request) throw std::bad_alloc();
        SPF_request_set_ipv4(request.get(), in_addr{htonl(kClient)});
        SPF_request_set_helo_dom(request.get(), kHost);
        SPF_request_set_env_from(request.get(), "p@n0.x");
        SPF_response_t* raw = nullptr;
        SPF_request_query_mailfrom(request.get(), &raw);
        Response response(raw, &SPF_response_free);
        dns_.hook = nullptr;
        if (walk.trouble) std::rethrow_exception(walk.trouble);
        if (!response) throw std::bad_alloc();
        return {result_of(SPF_response_result(response.get())),
                SPF_response_reason(response.get()) == SPF_REASON_MECH};
    }

  private:
    SPF_dns_server_t dns_{};  // without a destructor of its own: the server leaves it to us
    Server server_;
};

}  // namespace

SpfEngine& spf_engine_of_this_thread() {
    thread_local LibSpf2
        engine;  // the one per-thread object of this floor: a C library's scratch space, no state
    return engine;
}

}  // namespace gatepost::auth
