// Replays tests/data/dialogue/*.txt: in whole segments, octet by octet, and with each judgement failing once.
// The format is told in tests/data/dialogue/README.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/protocol/dialogue_session.h"

namespace gatepost::protocol {
namespace {

struct Piece {
    enum class Kind { command, content } kind;
    std::string bytes;
};

struct Transcript {
    DialogueSettings settings{"mx.example", 100000};
    std::string modes = "whole octets failing";
    std::vector<std::vector<Piece>> segments{{}};
    std::vector<std::string> replies;  // what each line begins with
    std::vector<std::string> events;
    std::map<std::string, Reply> judgements;  // by "recipient bob@ours.example"

    Reply judge(const Question& question) const {
        const auto exact = judgements.find(std::string(question.kind) + ' ' + question.about);
        if (exact != judgements.end()) return exact->second;
        const auto any = judgements.find(std::string(question.kind) + " *");
        return any != judgements.end() ? any->second : say_yes(question);
    }
};

std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        const char c = text[++i];
        if (c == 'x') {
            out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
            i += 2;
        } else {
            out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
        }
    }
    return out;
}

void set(DialogueSettings& settings, const std::string& name, const std::string& value) {
    if (name == "tls") settings.offers_tls = value == "yes";
    if (name == "8bitmime") settings.offers_8bitmime = value == "yes";
    if (name == "smtputf8") settings.offers_smtputf8 = value == "yes";
    if (name == "chunking") settings.offers_chunking = value == "yes";
    if (name == "size") settings.message_size = std::stoul(value);
    if (name == "recipients") settings.recipients = std::stoul(value);
    if (name == "errors") settings.errors = std::stoul(value);
}

void read_settings(Transcript& transcript, const std::string& text) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const auto equals = word.find('=');
        set(transcript.settings, word.substr(0, equals), word.substr(equals + 1));
    }
}

// "recipient bob@ours.example 550 5.1.1 No such user"
void read_judgement(Transcript& transcript, const std::string& text) {
    std::istringstream words(text);
    std::string kind, about, rest;
    Reply reply;
    words >> kind >> about >> reply.code >> reply.enhanced;
    std::getline(words >> std::ws, rest);
    reply.lines = {rest};
    transcript.judgements[kind + ' ' + about] = reply;
}

void read_line(Transcript& transcript, const std::string& line) {
    const auto key = line.substr(0, line.find(':'));
    const auto text = line.size() > key.size() + 2 ? line.substr(key.size() + 2) : std::string();
    auto& segment = transcript.segments.back();
    if (key == "C") segment.push_back({Piece::Kind::command, unescaped(text) + "\r\n"});
    if (key == "D") {
        if (segment.empty() || segment.back().kind != Piece::Kind::content ||
            segment.back().bytes.ends_with("\r\n.\r\n"))
            segment.push_back({Piece::Kind::content, ""});
        segment.back().bytes += unescaped(text) + "\r\n";
    }
    if (key == "B") segment.back().bytes += unescaped(text);
    if (key == "raw") segment.push_back({Piece::Kind::command, unescaped(text)});
    if (key == "S") transcript.replies.push_back(text);
    if (key == "E") transcript.events.push_back(text);
    if (key == "J") read_judgement(transcript, text);
    if (key == "modes") transcript.modes = text;
    if (key == "settings") read_settings(transcript, text);
    if (line == "---") transcript.segments.emplace_back();
}

Transcript read(const std::filesystem::path& path) {
    Transcript transcript;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line[0] != '#') read_line(transcript, line);
    }
    return transcript;
}

void expect_said_and_done(const Transcript& transcript, DialogueSession& session) {
    const auto lines = session.taken_lines();
    for (std::size_t i = 0; i < std::min(lines.size(), transcript.replies.size()); ++i) {
        EXPECT_TRUE(lines[i].starts_with(transcript.replies[i]))
            << lines[i] << "\n  wanted: " << transcript.replies[i];
    }
    EXPECT_EQ(lines.size(), transcript.replies.size()) << (lines.empty() ? "" : lines.back());
    if (!transcript.events.empty()) {
        EXPECT_EQ(session.events, transcript.events);
    }
}

void replay(const Transcript& transcript, std::size_t portion) {
    DialogueSession session(transcript.settings, [&](const Question& q) { return transcript.judge(q); });
    for (const auto& segment : transcript.segments) {
        std::string bytes;
        for (const auto& piece : segment) bytes += piece.bytes;
        session.feed(bytes, portion);
    }
    expect_said_and_done(transcript, session);
}

std::size_t complete_replies(const std::vector<std::string>& lines) {
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(), [](auto& line) { return line.size() == 3 || line[3] == ' '; }));
}

// An honest client: sends a command, reads its reply, sends content only after 354.
class HonestClient {
  public:
    explicit HonestClient(DialogueSession& session) : session_(session) { session_.feed(""); }

    void send(const Piece& piece) {
        if (session_.is_closed || (piece.kind == Piece::Kind::content && !may_send_content_)) return;
        session_.taken_lines();
        session_.feed(piece.bytes);
        const auto lines = session_.taken_lines();
        EXPECT_EQ(complete_replies(lines), 1u) << "one reply to " << escaped(piece.bytes);
        may_send_content_ = !lines.empty() && lines.back().starts_with("354");
    }

  private:
    DialogueSession& session_;
    bool may_send_content_ = false;
};

// Returns how many judgements there were.
std::size_t replay_with_failure(const Transcript& transcript, std::size_t failing) {
    std::size_t asked = 0;
    DialogueSession session(transcript.settings, [&](const Question& question) {
        return asked++ == failing ? Reply{451, "4.3.0", {"Try again later"}} : transcript.judge(question);
    });
    HonestClient client(session);
    for (const auto& segment : transcript.segments) {
        for (const auto& piece : segment) client.send(piece);
    }
    if (!session.is_closed) {
        session.feed("NOOP\r\n");
        EXPECT_EQ(session.taken_lines(), std::vector<std::string>{"250 2.0.0 Ok"})
            << "the dialogue is out of step";
    }
    return asked;
}

std::vector<std::filesystem::path> transcripts(std::string_view mode) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(TEST_DATA "/dialogue")) {
        if (entry.path().extension() != ".txt") continue;
        if (read(entry.path()).modes.find(mode) != std::string::npos) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

std::string name(const testing::TestParamInfo<std::filesystem::path>& each) {
    return each.param.stem().string();
}

class TranscriptInWholeSegments : public testing::TestWithParam<std::filesystem::path> {};
TEST_P(TranscriptInWholeSegments, GoesAsWritten) {
    replay(read(GetParam()), std::string_view::npos);
}
INSTANTIATE_TEST_SUITE_P(All, TranscriptInWholeSegments, testing::ValuesIn(transcripts("whole")), name);

class TranscriptOctetByOctet : public testing::TestWithParam<std::filesystem::path> {};
TEST_P(TranscriptOctetByOctet, GoesAsWritten) {
    for (std::size_t portion : {1, 2, 7}) replay(read(GetParam()), portion);
}
INSTANTIATE_TEST_SUITE_P(All, TranscriptOctetByOctet, testing::ValuesIn(transcripts("octets")), name);

class TranscriptWithFailures : public testing::TestWithParam<std::filesystem::path> {};
TEST_P(TranscriptWithFailures, StaysInStepWhenAnyJudgementFails) {
    const auto transcript = read(GetParam());
    const std::size_t judgements = replay_with_failure(transcript, std::string::npos);
    ASSERT_GT(judgements, 0u);
    for (std::size_t i = 0; i < judgements; ++i) {
        SCOPED_TRACE("judgement " + std::to_string(i) + " fails");
        replay_with_failure(transcript, i);
    }
}
INSTANTIATE_TEST_SUITE_P(All, TranscriptWithFailures, testing::ValuesIn(transcripts("failing")), name);

}  // namespace
}  // namespace gatepost::protocol
