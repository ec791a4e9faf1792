// What the spool wants done on the disk, one step at a time. A plain value: the same machines run against the
// real disk and against a simulated one that tears, forgets and fails.
#pragma once

#include <cstddef>
#include <string>

namespace gatepost::gateway {

struct DiskStep {
    enum class Kind {
        write,       // create `name`, which must not exist, and write all of message `item` into it
        append,      // `text` to the end of `name`
        sync_file,   // fdatasync(2) of `name`
        rename,      // `name` to `target`
        remove,      // `name`
        sync_folder  // fsync(2) of the folder `name`
    };
    Kind kind = Kind::write;
    std::string name = {};  // below the spool folder: "tmp/3f9k2", "queue"
    std::string target = {};
    std::string text = {};
    std::size_t item = 0;
    friend bool operator==(const DiskStep&, const DiskStep&) = default;
};

}  // namespace gatepost::gateway
