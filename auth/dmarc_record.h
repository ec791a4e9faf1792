// The text of a DMARC Policy Record (RFC 9989 sections 4.5 to 4.8).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/verification.h"

namespace gatepost::auth {

// Nothing if the text does not begin with v=DMARC1: then it is no DMARC record at all and does not count as
// one. After that no error is fatal: the tag falls to its default (RFC 9989 section 4.8).
std::optional<DmarcRecord> parse_dmarc_record(std::string_view text);

// The one record among the TXT records of a name. Several cancel each other out (RFC 9989 section 4.10).
struct DmarcRecordSet {
    std::optional<DmarcRecord> record;
    bool has_several = false;
};
DmarcRecordSet select_dmarc_record(const std::vector<std::string>& texts);

// Whether the record, applied to a message, may be enforced as it stands; otherwise it counts as p=none or
// not at all (RFC 9989 section 4.10.1).
bool has_sound_policies(const DmarcRecord& record);

// The valid URIs of a comma-separated list, in order, without the obsolete "!10m".
std::vector<std::string> parse_report_uris(std::string_view value);

}  // namespace gatepost::auth
