import CLibUV
import Glibc
import Synchronization

/// One thread running one libuv loop, usable as the preferred executor of tasks.
///
/// Child tasks, `async let`, default actors and code after `Task.sleep` of a task that prefers a loop run on that
/// loop's thread. `Task { }` and `Task.detached` do not inherit the preference: name the loop.
///
/// Nothing may block a loop; see ``Blocking`` for work that does, and ``lag`` for how it shows.
public final class EventLoop: TaskExecutor, @unchecked Sendable {
    // @unchecked: `inbox` and `state` are locked, `meter` is atomic, the other stored properties are constants. What
    // they point to (libuv's loop and its handles, `local`, `lingering`) and `tasksToEnd` are touched only by the loop's own
    // thread, but for `uv_async_send`, which libuv documents as callable from any thread.

    /// What waits to run on the loop.
    enum Item {
        case job(UnownedJob)
        case work(@Sendable () -> Void)
    }

    /// For logs and metrics.
    public let name: String
    package let raw: UnsafeMutablePointer<uv_loop_t>
    private let local = LocalQueue()
    private let lingering = Lingering()
    private(set) lazy var tasksToEnd = TasksToEnd(loop: self)
    private let inbox = Mutex(Inbox())
    private let state = Mutex(State())
    let meter = LagMeter()
    private let wake = UVHandle<uv_async_t>()
    private let prepare = UVHandle<uv_prepare_t>()
    private let check = UVHandle<uv_check_t>()
    private let idle = UVHandle<uv_idle_t>()

    private struct Inbox {
        var items: [Item] = []
        var isClosed = false
    }

    private struct State {
        var stopped = false
        var stopping = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Starts a loop on a new thread.
    public init(name: String = "loop") {
        self.name = name
        raw = .allocate(capacity: 1)
        precondition(uv_loop_init(raw) == 0, "libuv could not make an event loop (out of descriptors?)")
        guanxi_uv_count_idle_time(raw)
        raw.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        uv_async_init(raw, wake.pointer) { EventLoop.of($0!.pointee.loop).takeInbox() }
        uv_prepare_init(raw, prepare.pointer)
        uv_check_init(raw, check.pointer)
        uv_idle_init(raw, idle.pointer)
        uv_prepare_start(prepare.pointer) { EventLoop.of($0!.pointee.loop).beforePoll() }
        uv_check_start(check.pointer) { EventLoop.of($0!.pointee.loop).drain() }
        startThread { self.run() }
    }

    // MARK: Where am I?

    /// The loop whose thread is calling, or `nil` on any other thread.
    public static var current: EventLoop? {
        guard let pointer = pthread_getspecific(currentLoopKey) else { return nil }
        return Unmanaged<EventLoop>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Whether the calling thread is this loop's.
    public var isCurrent: Bool {
        pthread_getspecific(currentLoopKey) == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Stops the program when called from another thread than the loop's.
    public func preconditionOnLoop(file: StaticString = #fileID, line: UInt = #line) {
        precondition(isCurrent, "must be called on event loop \(name)", file: file, line: line)
    }

    // MARK: Running work

    /// Runs `work` on the loop, soon and in order; never within this call.
    public func execute(_ work: @escaping @Sendable () -> Void) { add(.work(work)) }

    public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    func add(_ item: Item) {
        if isCurrent {
            local.append(item)
            return
        }
        inbox.withLock { inbox in
            guard !inbox.isClosed else { return }
            inbox.items.append(item)
            if inbox.items.count == 1 { uv_async_send(wake.pointer) }
        }
    }

    /// How long events had to wait because the loop was busy.
    public var lag: LoopLag { meter.snapshot }

    // MARK: The loop's thread

    private static func of(_ raw: UnsafeMutablePointer<uv_loop_t>) -> EventLoop {
        Unmanaged<EventLoop>.fromOpaque(raw.pointee.data).takeUnretainedValue()
    }

    private func run() {
        pthread_setspecific(currentLoopKey, Unmanaged.passUnretained(self).toOpaque())
        // What waits already is done in the first turn, which counts like any other.
        meter.goesOn(at: uv_hrtime())
        uv_run(raw, UV_RUN_DEFAULT)
        finish()
    }

    private func takeInbox() {
        let items = inbox.withLock { inbox in
            defer { inbox.items = [] }
            return inbox.items
        }
        for item in items { local.append(item) }
    }

    private func beforePoll() {
        drain()
        let now = uv_hrtime()
        meter.record(idle: uv_metrics_idle_time(raw), now: now, counts: !lingering.onlyLooked(now: now))
        let lingers = local.isEmpty && lingering.mayLinger(now: now)
        stayAwake(!local.isEmpty || lingers)
        if lingers { letOthersRun() }
    }

    /// What others do with the processor is no lag of this loop.
    private func letOthersRun() {
        sched_yield()
        let now = uv_hrtime()
        lingering.goesOn(at: now)
        meter.goesOn(at: now)
    }

    /// Runs what waits, at most a bounded number so that I/O gets its turn.
    private func drain() {
        guard !local.isEmpty else { return }
        var left = Self.drainLimit
        while left > 0, let item = local.pop() {
            run(item)
            left -= 1
        }
        lingering.didWork(at: uv_hrtime())
    }

    /// Whether the next look for I/O comes back at once.
    private func stayAwake(_ awake: Bool) {
        if awake { uv_idle_start(idle.pointer) { _ in } } else { uv_idle_stop(idle.pointer) }
    }

    private static let drainLimit = 1024

    private func run(_ item: Item) {
        switch item {
        case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
        case .work(let work): work()
        }
    }

    // MARK: Stopping

    var isStopping: Bool { state.withLock { $0.stopping } }

    /// Stops the loop and waits for its thread to end. Call it off the loop, after the loop's tasks have ended:
    /// work that is still suspended will never go on.
    public func shutdown() async {
        precondition(!isCurrent, "a loop cannot wait for its own end")
        await withCheckedContinuation { continuation in
            let (first, ended) = state.withLock { state in
                if state.stopped { return (false, true) }
                state.waiters.append(continuation)
                defer { state.stopping = true }
                return (!state.stopping, false)
            }
            if ended { continuation.resume() }
            if first { execute { uv_stop(self.raw) } }
        }
    }

    /// Runs what waits and what comes of it, then takes no more from other threads. A task that never ends is left.
    private func runRest() {
        for _ in 0..<Self.lastTurns {
            takeInbox()
            drain()
            guard local.isEmpty else { continue }
            let isOver = inbox.withLock { inbox in
                inbox.isClosed = inbox.items.isEmpty
                return inbox.isClosed
            }
            if isOver { return }
        }
        inbox.withLock { $0.isClosed = true }
    }

    private static let lastTurns = 1024

    private func finish() {
        // What was queued by then still runs, also by closing handles: completions that tasks elsewhere wait for.
        runRest()
        wake.close()
        prepare.close()
        check.close()
        idle.close()
        uv_run(raw, UV_RUN_NOWAIT)
        runRest()
        // Handles that their owners left open keep libuv's memory in use; it is then left to the end of the process.
        if uv_loop_close(raw) == 0 { raw.deallocate() }
        let waiters = state.withLock { state in
            state.stopped = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
