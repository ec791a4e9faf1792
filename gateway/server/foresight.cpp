#include "gateway/server/foresight.h"

#include "auth/iprev.h"
#include "auth/spf.h"
#include "gateway/completion.h"

namespace gatepost::gateway {
namespace {

using Check = std::function<void(Environment&, auth::DnsFacts&)>;

// HELO and MAIL FROM each get half of what a message may ask: what one of them wastes is not the other's.
auth::DnsFacts facts_for(Environment& environment) {
    auth::DnsBudget budget;
    budget.questions = environment.settings.limits.dns_questions / 2;
    return environment.resolver.facts(budget);
}

awaitable<void> run(std::shared_ptr<Environment> environment, Check check) {
    auth::DnsFacts facts = facts_for(*environment);
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        check(*environment, known);
    };
    const Deadline deadline = Clock::now() + environment->settings.limits.dns_timeout;
    co_await settle(environment->resolver, deadline, facts, evaluate);
}

// Mostly all is in the cache already, and no coroutine is needed.
void begin(const std::shared_ptr<Environment>& environment, Check check) {
    auth::DnsFacts facts = facts_for(*environment);
    check(*environment, facts);
    if (!facts.is_complete()) {
        asio::co_spawn(environment->context, run(environment, std::move(check)), log_exception);
    }
}

}  // namespace

void foresee_helo(const std::shared_ptr<Environment>& environment, const auth::SpfClient& client) {
    begin(environment, [client](Environment& worker, auth::DnsFacts& facts) {
        auth::check_iprev(client.ip, facts);
        auth::check_helo(client, facts, &worker.spf_cache);
    });
}

void foresee_mail_from(const std::shared_ptr<Environment>& environment, const auth::SpfClient& client,
                       const std::string& reverse_path) {
    begin(environment, [client, reverse_path](Environment& worker, auth::DnsFacts& facts) {
        auth::check_mail_from(client, reverse_path, facts, &worker.spf_cache);
    });
}

}  // namespace gatepost::gateway
