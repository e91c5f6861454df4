import JSON
import Values

/// Writes log lines: one JSON object each, with the time, level, service, component and message, then the tenant,
/// request and trace of the work at hand (``RequestScope``), then the fields given.
///
/// A field whose name says that it is a secret (`password`, `token`, `authorization`, …) is written as `***`.
public struct Logger: Sendable {
    public enum Level: String, Sendable, CaseIterable, Comparable, ConfigurationChoice {
        case debug, info, warning, error

        private var order: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }

        public static func < (left: Level, right: Level) -> Bool { left.order < right.order }
    }

    /// The lowest level that is written.
    public let level: Level
    public let service: String
    public let component: String?
    private let sink: LogSink

    public init(service: String, level: Level = .info, sink: LogSink = .standardOutput) {
        self.init(service: service, component: nil, level: level, sink: sink)
    }

    private init(service: String, component: String?, level: Level, sink: LogSink) {
        (self.service, self.component, self.level, self.sink) = (service, component, level, sink)
    }

    /// The logger of a part of the service, named in its lines.
    public func component(_ name: String) -> Logger {
        Logger(service: service, component: name, level: level, sink: sink)
    }

    public func debug(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, JSON> = [:]) {
        log(.debug, message(), fields)
    }

    public func info(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, JSON> = [:]) {
        log(.info, message(), fields)
    }

    public func warning(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, JSON> = [:]) {
        log(.warning, message(), fields)
    }

    /// - Parameter error: written in full, as `debugDescription` has it: the log is for the operators.
    public func error(
        _ message: @autoclosure () -> String, error: (any Error)? = nil, _ fields: KeyValuePairs<String, JSON> = [:]
    ) {
        log(.error, message(), error: error, fields)
    }

    public func log(
        _ level: Level, _ message: @autoclosure () -> String, error: (any Error)? = nil,
        _ fields: @autoclosure () -> KeyValuePairs<String, JSON> = [:]
    ) {
        guard level >= self.level else { return }
        var line = JSONWriter(capacity: 256)
        line.raw("{\"time\":")
        line.write(Timestamp.now())
        line.member("level", level.rawValue)
        line.member("service", service)
        if let component { line.member("component", component) }
        line.member("message", message())
        if let scope = RequestScope.current {
            if let tenant = scope.tenant { line.member("tenant", tenant.text) }
            if let requestID = scope.requestID { line.member("requestId", requestID) }
            line.member("traceId", scope.trace.traceIDText)
        }
        if let error { line.member("error", String(reflecting: error)) }
        for (name, value) in fields() { line.member(name, Self.isSecret(name) ? "***" : value) }
        line.raw("}\n")
        sink.write(line.bytes)
    }

    private static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["password", "secret", "token", "authorization", "cookie", "apikey", "privatekey", "credential"]
            .contains { name.hasSuffix($0) }
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ value: String) {
        raw(",")
        write(name)
        raw(":")
        write(value)
    }

    fileprivate mutating func member(_ name: String, _ value: JSON) {
        raw(",")
        write(name)
        raw(":")
        write(value)
    }
}
