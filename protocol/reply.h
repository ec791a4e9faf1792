// SMTP replies: the table of all that the gateway says, their octets, and the reader of a downstream
// server's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gatepost::protocol {

struct Reply {
    int code = 250;
    std::string enhanced;  // "5.7.1" (RFC 2034); empty where none belongs: greeting, HELO, EHLO, 3xx
    std::vector<std::string> lines;  // the text of each line, without codes

    bool is_positive() const { return code / 100 == 2; }      // done
    bool is_intermediate() const { return code / 100 == 3; }  // go on
    bool is_temporary() const { return code / 100 == 4; }
    bool is_permanent() const { return code / 100 == 5; }
    std::string text() const;  // one line for the log: "550 5.7.1 Relaying denied", lines joined by a space
    friend bool operator==(const Reply&, const Reply&) = default;
};

// A row of the table. Becomes a Reply where one is wanted: `dialogue.answer(reply::kRelayDenied)`.
struct FixedReply {
    int code;
    std::string_view enhanced;
    std::string_view line;
    operator Reply() const { return {code, std::string(enhanced), {std::string(line)}}; }
};

// Appends the reply as it goes over the wire: every line with code and enhanced code, at most 512 octets (a
// longer text becomes several lines), nothing but printable ASCII. A code that no server may send becomes
// 451.
void append_wire(std::string& out, const Reply& reply);
void append_wire(std::string& out, const FixedReply& reply);
std::string wire(const Reply& reply);

// specs/smtp.md section 10.
namespace reply {

inline constexpr FixedReply kOk{250, "2.0.0", "Ok"};
inline constexpr FixedReply kSenderOk{250, "2.1.0", "Sender ok"};
inline constexpr FixedReply kRecipientOk{250, "2.1.5", "Recipient ok"};
inline constexpr FixedReply kStartContent{354, "", "End data with <CR><LF>.<CR><LF>"};
inline constexpr FixedReply kMessageTaken{250, "2.0.0", "Message delivered"};
inline constexpr FixedReply kBye{221, "2.0.0", "Bye"};
inline constexpr FixedReply kHelp{214, "2.0.0", "See RFC 5321"};
inline constexpr FixedReply kCannotVerify{252, "2.0.0", "Cannot verify, send mail and see"};
inline constexpr FixedReply kReadyForTls{220, "2.0.0", "Ready to start TLS"};

inline constexpr FixedReply kUnknownCommand{500, "5.5.1", "Unknown command"};
inline constexpr FixedReply kNotImplemented{502, "5.5.1", "Command not implemented"};
inline constexpr FixedReply kSayHelloFirst{503, "5.5.1", "Send EHLO first"};
inline constexpr FixedReply kNestedMail{503, "5.5.1", "Sender already given"};
inline constexpr FixedReply kMailFirst{503, "5.5.1", "Send MAIL first"};
inline constexpr FixedReply kAlreadyTls{503, "5.5.1", "TLS is already active"};
inline constexpr FixedReply kNoService{503, "5.5.1", "No service here, please QUIT"};
inline constexpr FixedReply kContentBegun{503, "5.5.1", "The content has begun in chunks"};
inline constexpr FixedReply kBinaryNeedsChunks{503, "5.5.1", "BODY=BINARYMIME goes with BDAT"};
inline constexpr FixedReply kNoRecipientsForChunk{503, "5.5.1", "No valid recipients"};
inline constexpr FixedReply kBadChunkSize{501, "5.5.4", "Malformed chunk size, closing"};
inline constexpr FixedReply kNoRecipients{554, "5.5.1", "No valid recipients"};
inline constexpr FixedReply kLineTooLong{500, "5.5.2", "Line too long"};
inline constexpr FixedReply kBadLineEnding{500, "5.5.2", "Lines end with CR LF"};
inline constexpr FixedReply kSyntax{501, "5.5.4", "Syntax error in arguments"};
inline constexpr FixedReply kNoArgument{501, "5.5.4", "No argument allowed"};
inline constexpr FixedReply kBadParameter{501, "5.5.4", "Malformed parameter"};
inline constexpr FixedReply kDuplicateParameter{501, "5.5.4", "Parameter given twice"};
inline constexpr FixedReply kUnknownParameter{555, "5.5.4", "Parameter not supported"};
inline constexpr FixedReply kBadHelo{501, "", "Give your host name"};
inline constexpr FixedReply kBadSender{501, "5.1.7", "Bad sender address syntax"};
inline constexpr FixedReply kBadRecipient{501, "5.1.3", "Bad recipient address syntax"};
inline constexpr FixedReply kUtf8Sender{550, "5.6.7", "Non-ASCII sender address needs SMTPUTF8"};
inline constexpr FixedReply kUtf8Recipient{553, "5.6.7", "Non-ASCII recipient address needs SMTPUTF8"};
inline constexpr FixedReply kNotMail{421, "4.7.0", "This is a mail server, closing"};
inline constexpr FixedReply kTooManyErrors{421, "4.7.0", "Too many errors, closing"};
inline constexpr FixedReply kTooManyCommands{421, "4.7.0", "Too many commands, closing"};
inline constexpr FixedReply kTooManyTransactions{421, "4.7.0", "Too many messages in one session, closing"};
inline constexpr FixedReply kNotYourTurn{503, "5.5.1", "Commands sent without waiting for replies, closing"};
inline constexpr FixedReply kSpokeTooSoon{554, "5.5.1", "Commands sent before the greeting, closing"};
inline constexpr FixedReply kTooManyRefusedRecipients{421, "4.7.0", "Too many unknown recipients, closing"};
inline constexpr FixedReply kNoMoreRecipients{452, "4.5.3", "Too many unknown recipients, send this first"};
inline constexpr FixedReply kTooManyRecipients{452, "4.5.3", "Too many recipients"};
inline constexpr FixedReply kTooLarge{552, "5.3.4", "Message too large"};
inline constexpr FixedReply kBareLineEnding{550, "5.5.2", "Bare CR or LF in message"};
inline constexpr FixedReply kNulInMessage{550, "5.6.0", "NUL in message"};
inline constexpr FixedReply kLongLine{550, "5.6.0", "Line too long in message"};
inline constexpr FixedReply kMalformedHeader{550, "5.6.0", "Malformed message header"};
inline constexpr FixedReply kConversionNeeded{554, "5.6.3", "8-bit content cannot be delivered"};
inline constexpr FixedReply kRequireTlsNeedsTls{530, "5.7.10", "REQUIRETLS is for TLS only"};
inline constexpr FixedReply kTlsUnavailable{454, "4.7.0", "TLS not available"};
inline constexpr FixedReply kTlsNeeded{530, "5.7.0", "Send STARTTLS first"};

inline constexpr FixedReply kTimeout{421, "4.4.2", "Timeout, closing"};
inline constexpr FixedReply kShuttingDown{421, "4.3.2", "Shutting down"};
inline constexpr FixedReply kTooManySessions{421, "4.3.2", "Too many connections"};
inline constexpr FixedReply kTooManySessionsOfClient{421, "4.7.0", "Too many connections from your address"};
inline constexpr FixedReply kTooManySessionsOfNetwork{421, "4.7.0", "Too many connections from your network"};
inline constexpr FixedReply kSessionsTooFast{421, "4.7.0", "Too many connections in a minute, slow down"};
inline constexpr FixedReply kMessagesTooFast{452, "4.7.1", "Too many messages in a minute, slow down"};
inline constexpr FixedReply kRecipientsTooFast{450, "4.7.1", "Too many recipients in a minute, slow down"};
inline constexpr FixedReply kTalkedFirst{554, "5.5.1", "Wait for the greeting before you talk"};
inline constexpr FixedReply kNoEntry{554, "5.7.1", "No service for your address"};
inline constexpr FixedReply kLocalError{451, "4.3.0", "Local error, try again later"};
inline constexpr FixedReply kNoStorage{452, "4.3.1", "No storage now, try again later"};

inline constexpr FixedReply kUnknownSenderDomain{550, "5.1.8", "Sender domain does not exist"};
inline constexpr FixedReply kSenderDomainUnclear{451, "4.1.8", "Sender domain cannot be looked up now"};
inline constexpr FixedReply kSenderTakesNoMail{550, "5.7.27", "Sender domain takes no mail"};
inline constexpr FixedReply kRelayDenied{550, "5.7.1", "Relaying denied"};
inline constexpr FixedReply kUnknownUser{550, "5.1.1", "No such user"};
inline constexpr FixedReply kMailboxFull{452, "4.2.2", "Mailbox full"};
inline constexpr FixedReply kNullSenderManyRecipients{452, "4.5.3",
                                                      "One recipient at a time for the null sender"};
inline constexpr FixedReply kOneRecipientAtATime{452, "4.5.3", "One recipient at a time, please"};
inline constexpr FixedReply kOneDestinationAtATime{452, "4.5.3", "One destination at a time, please"};
inline constexpr FixedReply kMailLoop{554, "5.4.6", "Mail loop"};
inline constexpr FixedReply kSpfFail{550, "5.7.23", "SPF fail"};
inline constexpr FixedReply kAuthenticationUnclear{451, "4.7.0",
                                                   "Sender cannot be authenticated now, try again later"};
inline constexpr FixedReply kSpfUnclear{451, "4.7.24", "SPF cannot be checked now, try again later"};
inline constexpr FixedReply kDownstreamDown{451, "4.4.1", "Mail server not reachable, try again later"};
inline constexpr FixedReply kDownstreamTimeout{451, "4.4.2", "Mail server does not answer, try again later"};

inline constexpr FixedReply kDownstreamMisconfigured{
    451, "4.3.5", "Mail server refuses to talk to this gateway, try again later"};
inline constexpr FixedReply kDownstreamChanged{451, "4.3.0",
                                               "Mail server has changed what it offers, try again later"};
inline constexpr FixedReply kNoUtf8Downstream{553, "5.6.7",
                                              "The mail server here takes no internationalized addresses"};
inline constexpr FixedReply kRequireTlsUnsupported{550, "5.7.30",
                                                   "REQUIRETLS cannot be kept up from here on"};
inline constexpr FixedReply kRequireTlsUnencrypted{550, "5.7.10", "No encrypted way from here on"};

}  // namespace reply

// Reads the replies of a server, octets in any portions. Strict: CRLF, three digits, the same code on every
// line, at most 128 lines and 64 KiB. After a failure it stays failed.
class ReplyParser {
  public:
    enum class State { incomplete, complete, failed };

    // Takes octets up to the end of the reply and removes them from `input`; what follows is left there.
    State read(std::string_view& input);
    // Of a complete reply; the parser is then ready for the next one.
    Reply take();
    std::string_view problem() const { return problem_; }

  private:
    State end_of_line();
    State fail(std::string_view why);

    static constexpr std::size_t kMaxLines = 128;
    static constexpr std::size_t kMaxOctets = 64 * 1024;
    std::string line_;
    std::size_t octets_ = 0;
    Reply reply_;
    State state_ = State::incomplete;
    std::string_view problem_;
};

}  // namespace gatepost::protocol
