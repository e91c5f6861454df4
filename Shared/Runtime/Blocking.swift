import CLibUV
import Synchronization

/// Runs work that blocks (file access, opening connections, scrypt) on libuv's thread pool.
///
/// The pool has 4 threads unless the environment variable `UV_THREADPOOL_SIZE` says otherwise.
public enum Blocking {
    /// Runs `work` on the pool and answers what it returns or throws. Works from any task; the caller goes on where it
    /// ran before.
    ///
    /// - Throws: `CancellationError` if the task was cancelled before a thread took the work; work that has begun is
    ///   waited for.
    public static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try Task.checkCancellation()
        let loop = EventLoop.current ?? .background
        let job = BlockingJob(loop: loop, work: work)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                job.start(continuation)
            }
        } onCancel: {
            loop.execute { job.cancel() }
        }
    }

    /// Runs `work` on a thread of its own, for what may take very long or for ever: it takes nobody's turn on the pool.
    ///
    /// Waited for however long it takes, whether the task is cancelled or not.
    public static func runApart<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            startThread { continuation.resume(with: Result { try work() }) }
        }
    }

    /// Runs work on a thread of its own, for which nobody waits: the process may end before it.
    public static func detach(_ work: @escaping @Sendable () -> Void) { startThread(work) }
}

extension EventLoop {
    /// A loop for callers that are on none: it only hands results of the thread pool and timers over.
    static let background = EventLoop(name: "background")
}

/// One `uv_work_t`, from queueing to its completion on the loop.
private final class BlockingJob<Value: Sendable>: BlockingWork, @unchecked Sendable {
    // @unchecked: `request`, `continuation` and `isQueued` are touched on the loop's thread. `outcome` is written by
    // the pool's thread and read on the loop after libuv has handed the request back, which orders the two.
    private let loop: EventLoop
    private let work: @Sendable () throws -> Value
    private var continuation: CheckedContinuation<Value, any Error>?
    private var outcome: Result<Value, any Error>?
    private let request = UnsafeMutablePointer<uv_work_t>.allocate(capacity: 1)
    private var isCancelled = false
    private var isQueued = false

    init(loop: EventLoop, work: @escaping @Sendable () throws -> Value) {
        self.loop = loop
        self.work = work
    }

    deinit { request.deallocate() }

    func start(_ continuation: CheckedContinuation<Value, any Error>) {
        guard loop.isCurrent else {
            loop.execute { self.start(continuation) }
            return
        }
        guard !isCancelled else {
            continuation.resume(throwing: CancellationError())
            return
        }
        self.continuation = continuation
        isQueued = true
        request.pointee.data = Unmanaged.passRetained(self as BlockingWork).toOpaque()
        let status = uv_queue_work(
            loop.raw, request, { BlockingWork.of($0)?.perform() },
            { request, status in
                guard let data = request?.pointee.data else { return }
                Unmanaged<BlockingWork>.fromOpaque(data).takeRetainedValue().complete(status: status)
            })
        precondition(status == 0, "libuv refuses work only without a function")
    }

    override func perform() { outcome = Result { try work() } }

    override func complete(status: Int32) {
        isQueued = false
        let outcome = outcome ?? .failure(CancellationError())
        continuation?.resume(with: outcome)
        continuation = nil
    }

    func cancel() {
        isCancelled = true
        guard isQueued else { return }
        // Fails when a thread has begun; then the completion comes as usual.
        _ = UnsafeMutableRawPointer(request).withMemoryRebound(to: uv_req_t.self, capacity: 1) { uv_cancel($0) }
    }
}

/// What the C callbacks see of a job, whatever its value.
private class BlockingWork {
    func perform() {}
    func complete(status: Int32) {}

    static func of(_ request: UnsafeMutablePointer<uv_work_t>?) -> BlockingWork? {
        guard let data = request?.pointee.data else { return nil }
        return Unmanaged<BlockingWork>.fromOpaque(data).takeUnretainedValue()
    }
}
