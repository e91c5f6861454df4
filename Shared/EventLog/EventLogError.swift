/// What an event log refuses or cannot do.
public enum EventLogError: Error, Sendable, Hashable, CustomStringConvertible {
    case unknownTopic(String)
    case bodyTooLarge(topic: String, key: String, bytes: Int)
    case emptyKey(topic: String)
    case notDelivered(topic: String, reason: String)
    case unreachable(String)
    case closed

    public var description: String {
        switch self {
        case .unknownTopic(let topic):
            "The topic \(topic) does not exist; create it with `guanxi topics apply`."
        case .bodyTooLarge(let topic, let key, let bytes):
            "The event \(key) for topic \(topic) has \(bytes) bytes; at most \(maximumEventBody) are allowed."
        case .emptyKey(let topic):
            "An event for topic \(topic) has no key; give it the key of its aggregate."
        case .notDelivered(let topic, let reason):
            "Events for topic \(topic) were not delivered: \(reason)"
        case .unreachable(let reason):
            "The event log cannot be reached: \(reason)"
        case .closed:
            "The event log was closed."
        }
    }
}
