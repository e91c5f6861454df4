import Dispatch
import Glibc
import Synchronization

/// Takes log lines from any thread and writes them to a descriptor from a thread of its own, so that a slow reader
/// of the log never stops a loop.
///
/// At most 8 MiB wait; lines beyond are dropped and counted, and a line says so when there is room again.
public final class LogSink: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var dropped = 0
        var isScheduled = false
    }

    private static let limit = 8 << 20

    private let descriptor: Int32
    private let queue = DispatchQueue(label: "log")
    private let state = Mutex(State())

    public static let standardOutput = LogSink(descriptor: STDOUT_FILENO)

    /// - Parameter descriptor: stays open as long as the sink; not owned.
    public init(descriptor: Int32) { self.descriptor = descriptor }

    /// Hands over one line, ending in a line feed. Does not block.
    public func write(_ line: [UInt8]) {
        let mustSchedule = state.withLock { state in
            guard state.waiting.count + line.count <= Self.limit else {
                state.dropped += 1
                return false
            }
            state.waiting += line
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { queue.async { self.drain() } }
    }

    /// Waits until everything handed over is written: at the end of a process only, since it blocks.
    public func flush() { queue.sync { drain() } }

    private func drain() {
        while let bytes = take() {
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if written < 0, errno == EAGAIN {
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&ready, 1, 1_000)
                } else if written < 0, errno != EINTR {
                    break  // Nobody reads any more; there is no other place to say so.
                }
            }
        }
    }

    private func take() -> [UInt8]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isScheduled = false
                return nil
            }
            var bytes: [UInt8] = []
            swap(&bytes, &state.waiting)
            if state.dropped > 0 {
                let note =
                    "{\"level\":\"warning\",\"message\":\"the log was read too slowly\",\"dropped\":\(state.dropped)}\n"
                bytes += note.utf8
                state.dropped = 0
            }
            return bytes
        }
    }
}
