#ifndef Z4J_BASE_HTTP_PROBES_H_
#define Z4J_BASE_HTTP_PROBES_H_

#include <functional>
#include <string>
#include <vector>

#include "services/base/http/http_server.h"

namespace prometheus {
class Collectable;
}

namespace z4j {

// /metrics in Prometheus's text format; /livez: the process answers; /readyz: 503 with a sentence
// while `not_ready` returns one.  All outlive the handler; no two tell of the same metric.
HttpServer::Handler MakeProbes(std::vector<const prometheus::Collectable*> metrics,
                               std::function<std::string()> not_ready);

}  // namespace z4j

#endif  // Z4J_BASE_HTTP_PROBES_H_
