import Glibc
import Synchronization

/// A fixed number of event loops.
public final class EventLoopGroup: Sendable {
    public let loops: [EventLoop]
    private let turn = Atomic<Int>(0)

    /// Starts `count` loops. Also makes the process ignore SIGPIPE, so that writing
    /// to a closed socket is an error and not the end of the process.
    public init(count: Int, name: String = "loop") {
        precondition(count > 0, "a group has at least one loop")
        signal(SIGPIPE, SIG_IGN)
        loops = (0..<count).map { EventLoop(name: "\(name)-\($0)") }
    }

    /// One loop for two processors: databases and the other services need the rest. With one for each of them, a loop is
    /// seldom so busy that requests share its rounds and flights, and each costs a fifth more (`docs/performance.md`).
    public static var advisableCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) / 2) }

    /// The loops in turn; thread-safe.
    public func next() -> EventLoop {
        let count = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return loops[Int(UInt(bitPattern: count) % UInt(loops.count))]
    }

    /// The calling loop if it is of this group, otherwise the next in turn.
    public var here: EventLoop {
        if let current = EventLoop.current, loops.contains(where: { $0 === current }) { return current }
        return next()
    }

    /// Stops every loop; see ``EventLoop/shutdown()``.
    public func shutdown() async {
        for loop in loops { await loop.shutdown() }
    }
}
