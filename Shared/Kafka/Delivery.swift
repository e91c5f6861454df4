import CRDKafka
import Synchronization
import Values

/// The delivery reports of one call to ``KafkaProducer/send(_:to:)``: each message carries it as its opaque.
final class Delivery: Sendable {
    private struct State {
        var remaining: Int
        var failure: KafkaError?
        var waiter: CheckedContinuation<Void, any Error>?
        var isCancelled = false
    }

    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(remaining: count)) }

    /// One message was acknowledged or given up.
    func report(_ code: rd_kafka_resp_err_t) {
        if code != RD_KAFKA_RESP_ERR_NO_ERROR {
            state.withLock { $0.failure = $0.failure ?? KafkaError(code) }
        }
        abandon(1)
    }

    /// No reports will come for that many messages.
    func abandon(_ count: Int) {
        let (waiter, failure) = state.withLock { state in
            state.remaining -= count
            guard state.remaining == 0 else { return (CheckedContinuation<Void, any Error>?.none, KafkaError?.none) }
            defer { state.waiter = nil }
            return (state.waiter, state.failure)
        }
        if let failure { waiter?.resume(throwing: failure) } else { waiter?.resume() }
    }

    /// Returns when every message was reported; throws the first failure, or at once on cancellation.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.isCancelled { return .failure(CancellationError()) }
                    if state.remaining == 0 { return state.failure.map { .failure($0) } ?? .success(()) }
                    state.waiter = waiter
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.isCancelled = true
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}

/// The arguments of `rd_kafka_produceva`, kept from message to message.
struct ProduceVector {
    private var arguments: [rd_kafka_vu_t] = []

    /// Hands a message to librdkafka, which copies it. Returns why it was refused, or `nil`.
    mutating func produce(
        _ message: KafkaMessage, to topic: TopicHandle, on client: OpaquePointer, _ delivery: Delivery
    ) -> KafkaError? {
        // librdkafka only reads from these buffers during the call: they may be pinned one inside the other.
        let opaque = Unmanaged.passRetained(delivery)
        arguments.removeAll(keepingCapacity: true)
        append(RD_KAFKA_VTYPE_RKT) { $0.rkt = topic.pointer }
        append(RD_KAFKA_VTYPE_MSGFLAGS) { $0.i = RD_KAFKA_MSG_F_COPY }
        append(RD_KAFKA_VTYPE_OPAQUE) { $0.ptr = opaque.toOpaque() }
        let headers = Self.headers(of: message)
        append(RD_KAFKA_VTYPE_HEADERS) { $0.headers = headers }
        let error = pin(message.key, as: RD_KAFKA_VTYPE_KEY) { vector in
            vector.pin(message.value, as: RD_KAFKA_VTYPE_VALUE) { vector in
                rd_kafka_produceva(client, vector.arguments, vector.arguments.count)
            }
        }
        guard let error else { return nil }
        // A message that is refused leaves both with whoever made them.
        rd_kafka_headers_destroy(headers)
        opaque.release()
        return KafkaError(consuming: error)
    }

    private static func headers(of message: KafkaMessage) -> OpaquePointer? {
        let list = rd_kafka_headers_new(12)
        message.headers.forEachField { name, value in
            rd_kafka_header_add(list, name.baseAddress, name.count, value.baseAddress, value.count)
        }
        return list
    }

    private mutating func append(_ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t.__Unnamed_union_u) -> Void) {
        var argument = rd_kafka_vu_t()
        argument.vtype = type
        set(&argument.u)
        arguments.append(argument)
    }

    private mutating func pin(
        _ bytes: [UInt8]?, as type: rd_kafka_vtype_t, _ body: (inout ProduceVector) -> OpaquePointer?
    ) -> OpaquePointer? {
        guard let bytes else { return body(&self) }
        return bytes.withUnsafeBufferPointer { buffer in
            append(type) {
                // An empty value still is a value: only a null pointer means none.
                $0.mem.ptr = UnsafeMutableRawPointer(mutating: buffer.baseAddress ?? Self.empty)
                $0.mem.size = buffer.count
            }
            return body(&self)
        }
    }

    /// Never read: the size beside it is 0.
    private static var empty: UnsafePointer<UInt8> { UnsafePointer(bitPattern: 1).unsafelyUnwrapped }
}
