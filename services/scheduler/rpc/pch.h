// Compiled once for the room: gRPC's headers cost ten seconds per file.
#include <grpcpp/grpcpp.h>

#include "google/protobuf/descriptor.h"
#include "services/scheduler/store/schedule_store.h"
#include "z4j/scheduler/v1/schedule_service.grpc.pb.h"
