// Gathers what monitoring is told.
#pragma once

#include "gateway/metrics.h"
#include "gateway/server/admission.h"
#include "gateway/spool/queue_runner.h"

namespace gatepost::gateway {

// `started`: Unix seconds. Both pointers null: nothing is spooled.
Metrics metrics_of(double started, const Admission& admission, const Spool* spool, const QueueRunner* queue);

}  // namespace gatepost::gateway
