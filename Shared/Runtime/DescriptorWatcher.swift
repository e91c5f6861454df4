import CLibUV

/// Tells when a descriptor that a C library owns can be read or written (`uv_poll_t`).
///
/// Belongs on its loop. Close it before the library closes the descriptor, and make a new one when the library changes
/// its descriptor. The watcher makes the descriptor non-blocking.
public final class DescriptorWatcher: @unchecked Sendable {
    // @unchecked: every method checks that it is on the loop's thread.

    public struct Events: OptionSet, Sendable, Hashable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }

        public static let readable = Events(rawValue: Int32(UV_READABLE.rawValue))
        public static let writable = Events(rawValue: Int32(UV_WRITABLE.rawValue))
        /// Reported together with readable and writable when polling failed; asking the library then tells why.
        public static let failed = Events(rawValue: 1 << 16)
    }

    /// The descriptor cannot be watched: it is closed, or a plain file.
    public struct NotWatchable: Error, CustomStringConvertible {
        public let descriptor: Int32
        public let description: String
    }

    public let loop: EventLoop
    public let descriptor: Int32
    private let handle = UVHandle<uv_poll_t>()
    private var action: (@Sendable (Events) -> Void)?
    /// What is watched for at present.
    public private(set) var interest: Events = []
    private var isClosed = false

    public init(loop: EventLoop, descriptor: Int32) throws(NotWatchable) {
        loop.preconditionOnLoop()
        self.loop = loop
        self.descriptor = descriptor
        let status = uv_poll_init(loop.raw, handle.pointer, descriptor)
        guard status == 0 else {
            handle.discard()
            throw NotWatchable(
                descriptor: descriptor,
                description: "descriptor \(descriptor) cannot be watched: \(String(cString: uv_strerror(status)))")
        }
        handle.own(self)
    }

    /// Calls `action` on the loop as long as the descriptor is ready for one of `events` (level-triggered). Replaces
    /// what was started before; no events means ``stop()``.
    public func start(_ events: Events, _ action: @escaping @Sendable (Events) -> Void) {
        self.action = action
        change(to: events)
    }

    /// Watches for other events with the action given before.
    public func change(to events: Events) {
        loop.preconditionOnLoop()
        guard !isClosed, events != interest else { return }
        guard !events.isEmpty else {
            interest = []
            uv_poll_stop(handle.pointer)
            return
        }
        let status = uv_poll_start(handle.pointer, events.rawValue) { handle, status, events in
            guard let watcher = UVHandle<uv_poll_t>.owner(handle, as: DescriptorWatcher.self) else { return }
            watcher.fire(status < 0 ? [.readable, .writable, .failed] : Events(rawValue: events))
        }
        // What did not start can be asked for again.
        interest = status == 0 ? events : []
    }

    private func fire(_ events: Events) {
        if events.contains(.failed) { change(to: []) }
        action?(events)
    }

    public func stop() { change(to: []) }

    /// Stops for good; at once, so that the library may close the descriptor next. May be called again.
    public func close() {
        loop.preconditionOnLoop()
        guard !isClosed else { return }
        isClosed = true
        action = nil
        uv_poll_stop(handle.pointer)
        handle.close()
    }
}
