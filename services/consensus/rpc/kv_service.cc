#include "services/consensus/rpc/kv_service.h"

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"
#include "services/consensus/rpc/calls.h"
#include "services/consensus/rpc/watch_stream.h"

namespace z4j::consensus {
namespace {

void SetKeyValue(const KvEntry& entry, v1::KeyValue* out) {
  out->set_key(entry.key);
  out->set_value(entry.value);
  out->set_create_revision(entry.create_revision.value);
  out->set_mod_revision(entry.mod_revision.value);
}

// Of a call with one operation, whose fields have other names than a transaction's.
absl::Status CheckPut(const v1::PutRequest& request) {
  RETURN_IF_ERROR(CheckName("key", request.key()));
  if (request.value().size() <= kKvValueBytesMax) return absl::OkStatus();
  return FieldError("value", absl::StrCat("has ", request.value().size(), " bytes; at most ",
                                          kKvValueBytesMax, " are allowed"));
}

absl::StatusOr<std::vector<KvCompare>> ComparesOf(const v1::TxnRequest& request) {
  std::vector<KvCompare> compares;
  for (const v1::Compare& compare : request.compares()) {
    KvCompare& added = compares.emplace_back();
    added.key = compare.key();
    switch (compare.expected_case()) {
      case v1::Compare::kModRevision:
        added.expected = Revision{compare.mod_revision()};
        break;
      case v1::Compare::kValue:
        added.expected = compare.value();
        break;
      case v1::Compare::EXPECTED_NOT_SET:
        return FieldError("compares.expected", "is missing; give mod_revision or value");
    }
  }
  return compares;
}

using Operations = google::protobuf::RepeatedPtrField<v1::Operation>;

absl::StatusOr<std::vector<KvOperation>> OperationsOf(absl::string_view field,
                                                      const Operations& operations) {
  std::vector<KvOperation> out;
  for (const v1::Operation& operation : operations) {
    KvOperation& added = out.emplace_back();
    added.key = operation.key();
    switch (operation.action_case()) {
      case v1::Operation::kPut:
        added.action = KvPut{operation.put()};
        break;
      case v1::Operation::kGet:
        added.action = KvGet{};
        break;
      case v1::Operation::kDelete:
        added.action = KvDelete{};
        break;
      case v1::Operation::ACTION_NOT_SET:
        return FieldError(absl::StrCat(field, ".action"), "is missing; give put, get or delete");
    }
  }
  return out;
}

absl::StatusOr<KvTxn> TxnOf(const v1::TxnRequest& request) {
  KvTxn txn;
  ASSIGN_OR_RETURN(txn.compares, ComparesOf(request));
  ASSIGN_OR_RETURN(txn.then, OperationsOf("then", request.then()));
  ASSIGN_OR_RETURN(txn.otherwise, OperationsOf("otherwise", request.otherwise()));
  return txn;
}

KvTxn One(const std::string& key, std::variant<KvPut, KvGet, KvDelete> action) {
  KvTxn txn;
  txn.then.push_back({key, std::move(action)});
  return txn;
}

}  // namespace

grpc::ServerUnaryReactor* KvServiceImpl::Put(grpc::CallbackServerContext* context,
                                             const v1::PutRequest* request,
                                             v1::PutResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  if (const absl::Status status = CheckPut(*request); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  return AnswerMutation(rpc_, context, RequestIdIn(*request),
                        One(request->key(), KvPut{request->value()}), response,
                        [](const Answer&) {});
}

grpc::ServerUnaryReactor* KvServiceImpl::Get(grpc::CallbackServerContext* context,
                                             const v1::GetRequest* request,
                                             v1::GetResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  if (const absl::Status status = CheckName("key", request->key()); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  const auto fill = [key = request->key(), response](const Replica& replica) {
    const std::optional<KvEntry> entry = replica.machine().kv().Get(key);
    if (!entry) return Failed(v1::FAILURE_REASON_NOT_FOUND, "there is no such key");
    SetKeyValue(*entry, response->mutable_kv());
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, request->allow_stale(), response, fill);
}

grpc::ServerUnaryReactor* KvServiceImpl::List(grpc::CallbackServerContext* context,
                                              const v1::ListRequest* request,
                                              v1::ListResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  const auto start = PageStartOf(request->page_size(), request->page_token());
  if (!start.ok()) return Refuse(context, FailedField(start.status()));
  const auto fill = [start = *start, prefix = request->prefix(), response](const Replica& replica) {
    const Kv& kv = replica.machine().kv();
    for (const KvEntry& entry : kv.List(prefix, start.after, start.size, kPageBytesMax)) {
      SetKeyValue(entry, response->add_kvs());
    }
    if (response->kvs().empty()) return grpc::Status::OK;
    const std::string& last = response->kvs().rbegin()->key();
    if (!kv.List(prefix, last, 1, 0).empty()) response->set_next_page_token(PageTokenAfter(last));
    return grpc::Status::OK;
  };
  return AnswerRead(rpc_, context, request->allow_stale(), response, fill);
}

grpc::ServerUnaryReactor* KvServiceImpl::Delete(grpc::CallbackServerContext* context,
                                                const v1::DeleteRequest* request,
                                                v1::DeleteResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  if (const absl::Status status = CheckName("key", request->key()); !status.ok()) {
    return Refuse(context, FailedField(status));
  }
  return AnswerMutation(rpc_, context, RequestIdIn(*request), One(request->key(), KvDelete{}),
                        response, [response](const Answer& answer) {
                          const auto& done = std::get<TxnDone>(answer.body);
                          response->set_deleted(done.results.at(0).has_value());
                        });
}

grpc::ServerUnaryReactor* KvServiceImpl::Txn(grpc::CallbackServerContext* context,
                                             const v1::TxnRequest* request,
                                             v1::TxnResponse* response) {
  if (auto* refused = RefuseIfTooMany(rpc_, context, Lane::kOrdinary)) return refused;
  absl::StatusOr<KvTxn> txn = TxnOf(*request);
  if (!txn.ok()) return Refuse(context, FailedField(txn.status()));
  return AnswerMutation(rpc_, context, RequestIdIn(*request), *std::move(txn), response,
                        [response](const Answer& answer) {
                          const auto& done = std::get<TxnDone>(answer.body);
                          response->set_succeeded(done.succeeded);
                          for (const std::optional<KvEntry>& result : done.results) {
                            v1::OperationResult* added = response->add_results();
                            if (result) SetKeyValue(*result, added->mutable_kv());
                          }
                        });
}

grpc::ServerWriteReactor<v1::WatchResponse>* KvServiceImpl::Watch(
    grpc::CallbackServerContext* context, const v1::WatchRequest* request) {
  return WatchStream::Open(rpc_, Admit(rpc_, *context, Lane::kOrdinary), *request);
}

}  // namespace z4j::consensus
