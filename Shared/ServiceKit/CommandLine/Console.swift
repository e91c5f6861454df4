import Glibc
import JSON
import Values

/// Where a command writes and asks: the terminal, or in tests whatever they like.
public struct Console: Sendable {
    private let writeText: @Sendable (String) -> Void
    private let writeNote: @Sendable (String) -> Void
    private let readAnswer: @Sendable () -> String?
    /// Whether a person sits there to be asked.
    public let isInteractive: Bool
    /// Whether notes go to a terminal that can rewrite its line.
    public let canRewrite: Bool

    public init(
        write: @escaping @Sendable (String) -> Void, note: @escaping @Sendable (String) -> Void,
        readLine: @escaping @Sendable () -> String? = { nil }, isInteractive: Bool = false, canRewrite: Bool = false
    ) {
        (writeText, writeNote, readAnswer) = (write, note, readLine)
        (self.isInteractive, self.canRewrite) = (isInteractive, canRewrite)
    }

    /// The process's own streams. Writing waits for a slow reader, as a command should.
    public static let standard = Console(
        write: { Self.put($0, STDOUT_FILENO) }, note: { Self.put($0, STDERR_FILENO) },
        readLine: { Self.ask() }, isInteractive: isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1,
        canRewrite: isatty(STDERR_FILENO) == 1)

    /// Writes an answer.
    public func write(_ text: String) { writeText(text) }

    /// Writes a remark that is no part of the answer: progress, questions, failures.
    public func note(_ text: String) { writeNote(text) }

    /// Writes a JSON answer, indented.
    public func write(_ json: JSON) { write(String(decoding: json.serializePretty(), as: UTF8.self)) }

    public func readLine() -> String? { readAnswer() }

    /// Reads a line. Ctrl-C ends the process here as everywhere else: nothing is under way while a person is asked.
    private static func ask() -> String? {
        let handler = signal(SIGINT, SIG_DFL)
        defer { signal(SIGINT, handler) }
        return Swift.readLine()
    }

    private static func put(_ text: String, _ descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 { rest = rest.dropFirst(written) } else if errno != EINTR { return }
        }
    }
}

/// A line that tells how far something is: rewritten in place on a terminal, elsewhere a new one every ten seconds.
public struct Progress: Sendable {
    private let label: String
    private let total: Int?
    private let console: Console
    private let started = ContinuousClock.now
    private var shown = ContinuousClock.now

    /// - Parameter total: how many there will be, if that is known.
    public init(_ label: String, total: Int? = nil, console: Console) {
        (self.label, self.total, self.console) = (label, total, console)
    }

    /// Shows the count, if it is time to.
    public mutating func update(_ count: Int) {
        let now = ContinuousClock.now
        guard now - shown >= (console.canRewrite ? .milliseconds(100) : .seconds(10)) else { return }
        shown = now
        console.note(console.canRewrite ? "\r\u{1B}[K\(label): \(text(count))" : "\(label): \(text(count))\n")
    }

    /// Ends the line with the final count and the time it took.
    public func finish(_ count: Int) {
        let seconds = (started.duration(to: .now).inSeconds * 10).rounded() / 10
        console.note("\(console.canRewrite ? "\r\u{1B}[K" : "")\(label): \(text(count)) in \(seconds) s\n")
    }

    private func text(_ count: Int) -> String {
        guard let total, total > 0 else { return "\(count)" }
        return "\(count) of \(total) (\(count * 100 / total) %)"
    }
}
