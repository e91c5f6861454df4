import CLibUV
import Glibc

/// A signal a service reacts to.
public enum ProcessSignal: Int32, Sendable, CaseIterable {
    case terminate = 15
    case interrupt = 2
    case hangUp = 1
}

/// The signals sent to this process, as they come. While it is iterated, their default effect (ending the process) is
/// off.
public struct SignalStream: AsyncSequence, Sendable {
    public typealias Element = ProcessSignal

    private let signals: [ProcessSignal]
    private let loop: EventLoop

    public init(_ signals: [ProcessSignal] = [.terminate, .interrupt], on loop: EventLoop) {
        self.signals = signals
        self.loop = loop
    }

    /// Starts listening at once: a signal that comes before the first `next()` is not lost.
    public func makeAsyncIterator() -> AsyncStream<ProcessSignal>.Iterator {
        let (stream, continuation) = AsyncStream.makeStream(of: ProcessSignal.self)
        let watchers = signals.map { SignalWatcher(loop: loop, signal: $0, continuation: continuation) }
        for watcher in watchers { loop.execute { watcher.start() } }
        continuation.onTermination = { [loop] _ in
            for watcher in watchers { loop.execute { watcher.close() } }
        }
        return stream.makeAsyncIterator()
    }
}

private final class SignalWatcher: @unchecked Sendable {
    // @unchecked: `isOpen` and the handle are touched on the loop's thread only.
    private let loop: EventLoop
    private let signal: ProcessSignal
    private let continuation: AsyncStream<ProcessSignal>.Continuation
    private let handle = UVHandle<uv_signal_t>()
    private var isOpen = false

    init(loop: EventLoop, signal: ProcessSignal, continuation: AsyncStream<ProcessSignal>.Continuation) {
        self.loop = loop
        self.signal = signal
        self.continuation = continuation
    }

    func start() {
        uv_signal_init(loop.raw, handle.pointer)
        handle.own(self)
        isOpen = true
        uv_signal_start(
            handle.pointer,
            { handle, _ in
                guard let watcher = UVHandle<uv_signal_t>.owner(handle, as: SignalWatcher.self) else { return }
                watcher.continuation.yield(watcher.signal)
            }, signal.rawValue)
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        handle.close()
    }
}
