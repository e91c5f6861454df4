/// What the relay and the consumers have to say to whoever runs the service.
public struct EventLogNotice: Sendable, CustomStringConvertible {
    public enum Severity: Sendable, Hashable {
        case info, warning, error
    }

    public let severity: Severity
    /// Which part speaks: "relay", "consumer analytics", "kafka".
    public let component: String
    public let description: String

    init(_ severity: Severity, _ component: String, _ description: String) {
        self.severity = severity
        self.component = component
        self.description = description
    }

    public typealias Report = @Sendable (EventLogNotice) -> Void
}
