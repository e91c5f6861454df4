/// What an event log refuses or cannot do.
public enum EventLogError: Error, Sendable, Hashable, CustomStringConvertible {
    case unknownTopic(String)
    case bodyTooLarge(topic: String, key: String, bytes: Int)
    case emptyKey(topic: String)
    case notDelivered(topic: String, reason: String)
    case unreachable(String)
    case closed
    /// See ``RememberedLog``.
    case otherKind(remembered: String, given: String)

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
        case .otherKind(let remembered, let given):
            "this installation's events are in the event log \(remembered), but --event-log is \(given): start with "
                + "GUANXI_EVENT_LOG=\(remembered). To change it for good, follow \"Changing the event log\" in "
                + "docs/operations.md, and confirm it by guanxi migrate --event-log \(given)"
        }
    }
}
