import CRDKafka

/// What librdkafka or a broker answered (`rd_kafka_resp_err_t`).
public struct KafkaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `rd_kafka_resp_err_t`: negative ones come from the library, positive ones from the broker.
    public let code: Int32
    /// The code's name, as "UNKNOWN_TOPIC_OR_PART" or "_TRANSPORT".
    public let name: String
    public let message: String
    /// The client that said so can no longer be used; make a new one.
    public let isFatal: Bool

    init(_ code: rd_kafka_resp_err_t, _ message: String? = nil, isFatal: Bool = false) {
        self.code = code.rawValue
        self.name = rd_kafka_err2name(code).map { String(cString: $0) } ?? "\(code.rawValue)"
        self.message = message ?? rd_kafka_err2str(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
        self.isFatal = isFatal
    }

    /// Takes over and frees an `rd_kafka_error_t`.
    init(consuming error: OpaquePointer) {
        self.init(
            rd_kafka_error_code(error), String(cString: rd_kafka_error_string(error)),
            isFatal: rd_kafka_error_is_fatal(error) != 0)
        rd_kafka_error_destroy(error)
    }

    /// Trouble that did not come from librdkafka but is reported beside its own.
    public init(describing message: String) { self.init(RD_KAFKA_RESP_ERR__FAIL, message) }

    public var description: String { "\(message) (\(name))" }

    /// The topic or one of its partitions does not exist.
    public var isUnknownTopic: Bool {
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.rawValue || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC.rawValue
            || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION.rawValue
    }

    static func check(_ code: rd_kafka_resp_err_t) throws(KafkaError) {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code) }
    }

    static let closed = KafkaError(RD_KAFKA_RESP_ERR__DESTROY, "The client was closed.")
}
