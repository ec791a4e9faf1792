#include "gateway/cli/queue_options.h"

#include <CLI/CLI.hpp>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

void add_json(CLI::App& command, QueueRequest& request) {
    command.add_flag("--json", request.as_json, "For scripts; the keys are in gatepost(8)");
}

// What no address can be equal to would choose nothing, and look as if nothing were there.
std::string problem_of_sender(const std::string& text) {
    const bool is_good = text == "<>" || text.find('@') != text.npos;
    return is_good ? "" : "'" + text + "' is not user@domain, @domain or <>";
}

std::string problem_of_recipient(const std::string& text) {
    const bool is_good = text.find('@') != text.npos || protocol::equals_ignoring_case(text, "postmaster");
    return is_good ? "" : "'" + text + "' is not user@domain or @domain";
}

CLI::Option* add_filters(CLI::App& command, QueueRequest& request) {
    command.add_option("--from", request.from, "Only of this sender: user@domain, @domain, or <>")
        ->check(problem_of_sender)
        ->type_name("ADDRESS");
    return command
        .add_option_function<std::string>(
            "--domain",
            [&request](const std::string& domain) {
                request.to = domain.starts_with('@') ? domain : "@" + domain;
            },
            "Only for recipients of this domain")
        ->type_name("DOMAIN");
}

void add_to(CLI::App& command, QueueRequest& request, CLI::Option* domain) {
    command.add_option("--to", request.to, "Only for this recipient: user@domain or @domain")
        ->check(problem_of_recipient)
        ->type_name("ADDRESS")
        ->excludes(domain);
}

void add_shelves(CLI::App& command, QueueRequest& request) {
    auto* dead = command.add_flag("--dead", request.only_dead, "Only dead letters");
    command.add_flag("--held", request.only_held, "Only held messages")->excludes(dead);
}

CLI::Option* add_ids(CLI::App& command, QueueRequest& request, const char* all) {
    auto* ids =
        command.add_option("ID", request.ids, "Messages, as `gatepost queue list` names them")->type_name("");
    command.add_flag("--all", request.all, all)->excludes(ids);
    return add_filters(command, request);
}

CLI::App& add_change(CLI::App& queue, QueueRequest& request, ControlCommand what, const char* meaning,
                     const char* all) {
    auto* command = queue.add_subcommand(std::string(name_of(what)), meaning);
    command->callback([&request, what] {
        request.verb = QueueRequest::Verb::change;
        request.command = what;
    });
    add_to(*command, request, add_ids(*command, request, all));
    add_json(*command, request);
    return *command;
}

void add_changes(CLI::App& queue, QueueRequest& request) {
    add_change(queue, request, ControlCommand::retry, "Try messages at once, before their time",
               "All that wait");
    add_change(queue, request, ControlCommand::hold, "Keep messages, and try them no more until released",
               "All that wait");
    add_change(queue, request, ControlCommand::release, "Let held messages go on", "All that are held");
    auto& drop = add_change(queue, request, ControlCommand::drop,
                            "Delete messages or dead letters for good; nobody is told",
                            "All that wait or are held; with --dead all dead letters. Needs --yes");
    add_shelves(drop, request);
    drop.add_flag("-y,--yes", request.is_agreed, "Do not ask");
}

}  // namespace

void add_queue_options(CLI::App& queue, QueueRequest& request) {
    queue.require_subcommand(1);
    auto* list =
        queue.add_subcommand("list", "What waits, is held, or is kept as a dead letter; oldest first");
    list->callback([&request] { request.verb = QueueRequest::Verb::list; });
    add_shelves(*list, request);
    add_to(*list, request, add_filters(*list, request));
    add_json(*list, request);

    auto* show = queue.add_subcommand("show", "One message: envelope, what was found, and its tries");
    show->callback([&request] { request.verb = QueueRequest::Verb::show; });
    show->add_option("ID", request.ids, "The message")->required()->expected(1)->type_name("");
    auto* header = show->add_flag("--headers", request.with_header, "Its header too");
    auto* message = show->add_flag("--message", request.with_message, "All of its content, as it goes out");
    message->excludes(header);
    show->add_flag("--json", request.as_json, "For scripts; the keys are in gatepost(8)")
        ->excludes(header)
        ->excludes(message);

    add_changes(queue, request);

    auto* copy = queue.add_subcommand("export", "Copy messages out of the queue, which keeps them");
    copy->callback([&request] { request.verb = QueueRequest::Verb::copy; });
    add_ids(*copy, request, "All that wait or are held; with --dead all dead letters");
    add_shelves(*copy, request);
    copy->add_option("--to", request.target, "The folder for the files ID.eml, or - for standard output")
        ->type_name("FOLDER")
        ->required();
    copy->add_flag("--whole", request.whole,
                   "The file of the queue with envelope and journal (ID.gatepost), not only the content");
}

}  // namespace gatepost::gateway
