/// What the relay and the consumers have to say to whoever runs the service.
public struct EventLogNotice: Sendable, CustomStringConvertible {
    public enum Severity: Sendable, Hashable {
        case info, warning, error
    }

    public let severity: Severity
    /// Which part speaks: "relay", "consumer analytics", "kafka".
    public let component: String
    public let description: String
    /// The event that it is about, which knows its tenant and trace.
    public let event: CloudEvent?

    init(_ severity: Severity, _ component: String, _ description: String, about event: CloudEvent? = nil) {
        self.event = event
        self.severity = severity
        self.component = component
        self.description = description
    }

    public typealias Report = @Sendable (EventLogNotice) -> Void
}
