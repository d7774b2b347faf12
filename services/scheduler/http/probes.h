#ifndef Z4J_SCHEDULER_HTTP_PROBES_H_
#define Z4J_SCHEDULER_HTTP_PROBES_H_

#include <functional>
#include <string>

#include "services/scheduler/http/http_server.h"

namespace prometheus {
class Registry;
}

namespace z4j::scheduler {

// /metrics in Prometheus's text format; /livez: the process answers; /readyz: 503 with a sentence
// while `not_ready` returns one.  Both outlive the handler.
HttpServer::Handler MakeProbes(prometheus::Registry& registry,
                               std::function<std::string()> not_ready);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_HTTP_PROBES_H_
