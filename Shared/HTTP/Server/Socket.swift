import CLibUV
import Glibc
import Runtime

/// A libuv TCP stream with what a ``Connection`` needs of it. Belongs on its loop.
final class Socket {
    weak var delegate: Connection?
    private let loop: EventLoop
    private let readBuffer: UnsafeMutableRawBufferPointer
    private let handle = UVHandle<uv_tcp_t>()
    private(set) var isReading = false
    private var isOpen = false
    private var isShut = false

    init(loop: EventLoop, readBuffer: UnsafeMutableRawBufferPointer) {
        self.loop = loop
        self.readBuffer = readBuffer
        uv_tcp_init(loop.raw, handle.pointer)
        handle.own(self)
        isOpen = true
    }

    private var stream: UnsafeMutablePointer<uv_stream_t> {
        UnsafeMutableRawPointer(handle.pointer).assumingMemoryBound(to: uv_stream_t.self)
    }

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> Socket? {
        UVHandle<uv_tcp_t>.owner(pointer?.assumingMemoryBound(to: uv_tcp_t.self), as: Socket.self)
    }

    /// Takes the next client; answers its address, or closes the socket and answers `nil`.
    func accept(from listening: UnsafeMutablePointer<uv_stream_t>) -> String? {
        guard uv_accept(listening, stream) == 0 else {
            close()
            return nil
        }
        uv_tcp_nodelay(handle.pointer, 1)
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutableBytes(of: &storage) { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -1 }
            return uv_tcp_getpeername(handle.pointer, base.assumingMemoryBound(to: sockaddr.self), &length)
        }
        guard status == 0 else {
            close()
            return nil
        }
        return ListeningSocket.describe(storage).host
    }

    // MARK: Reading

    /// `false` when nothing can be read any more.
    @discardableResult func startReading() -> Bool {
        guard isOpen else { return false }
        if isReading { return true }
        let status = uv_read_start(
            stream,
            { handle, _, buffer in
                guard let socket = Socket.of(handle), let base = socket.readBuffer.baseAddress else { return }
                buffer?.pointee = uv_buf_init(
                    base.assumingMemoryBound(to: CChar.self), UInt32(socket.readBuffer.count))
            },
            { stream, count, _ in Socket.of(stream)?.didRead(count) })
        isReading = status == 0
        return isReading
    }

    func stopReading() {
        guard isOpen, isReading else { return }
        isReading = false
        uv_read_stop(stream)
    }

    private func didRead(_ count: Int) {
        if count > 0 {
            delegate?.received(UnsafeRawBufferPointer(rebasing: readBuffer[..<count]))
        } else if count == Int(UV_EOF.rawValue) {
            stopReading()
            delegate?.inputEnded()
        } else if count < 0 {
            delegate?.failed()
        }
    }

    /// Whether the peer reset the connection, asked without reading.
    var isBroken: Bool {
        var descriptor: Int32 = -1
        guard isOpen, uv_fileno(handle.base, &descriptor) == 0 else { return false }
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        // Both directions shut is POLLHUP alone and legal after our own FIN; a reset is POLLERR as well.
        return poll(&state, 1, 0) > 0 && state.revents & Int16(POLLERR) != 0
    }

    // MARK: Writing

    /// Bytes that wait in libuv for the peer to read.
    var queuedBytes: Int { isOpen ? uv_stream_get_write_queue_size(stream) : 0 }

    /// Writes without waiting; for what must be sent whether anybody waits for it or not.
    func send(_ parts: [[UInt8]]) {
        guard isOpen else { return }
        guard let written = writeNow(parts) else {
            delegate?.failed()
            return
        }
        queue(parts, from: written) { [weak self] status in
            if status < 0 { self?.delegate?.failed() }
        }
    }

    /// Writes and waits until the kernel took everything; `false` when the connection broke.
    nonisolated(nonsending) func write(_ parts: [[UInt8]]) async -> Bool {
        guard isOpen else { return false }
        guard let written = writeNow(parts) else {
            delegate?.failed()
            return false
        }
        if written == parts.reduce(0, { $0 + $1.count }) { return true }
        return await withCheckedContinuation { continuation in
            guard isOpen else { return continuation.resume(returning: false) }
            queue(parts, from: written) { status in continuation.resume(returning: status >= 0) }
        }
    }

    func tryWrite(_ bytes: [UInt8]) -> Bool { writeNow([bytes]) == bytes.count }

    /// Gives the kernel what it takes at once; answers the number of bytes, `nil` when the connection is broken.
    private func writeNow(_ parts: [[UInt8]]) -> Int? {
        let status = withBuffers(parts[...]) { uv_try_write(stream, $0.baseAddress, UInt32($0.count)) }
        if status >= 0 { return Int(status) }
        return status == UV_EAGAIN.rawValue ? 0 : nil
    }

    /// Calls `body` with the parts as libuv's buffers.
    private func withBuffers<Result>(
        _ parts: ArraySlice<[UInt8]>, _ buffers: [uv_buf_t] = [], _ body: (UnsafeBufferPointer<uv_buf_t>) -> Result
    ) -> Result {
        guard let first = parts.first else { return buffers.withUnsafeBufferPointer(body) }
        return first.withUnsafeBytes { bytes in
            // libuv's type is mutable for reads; it does not change what it writes.
            let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            return withBuffers(parts.dropFirst(), buffers + [uv_buf_init(base, UInt32(bytes.count))], body)
        }
    }

    private func queue(_ parts: [[UInt8]], from written: Int, _ done: @escaping (Int32) -> Void) {
        let total = parts.reduce(0) { $0 + $1.count }
        guard written < total else { return }
        WriteRequest(parts, from: written, count: total - written, done).submit(to: stream)
    }

    // MARK: Ending

    /// Sends FIN after what is queued.
    func shutdown() {
        guard isOpen, !isShut else { return }
        isShut = true
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let status = uv_shutdown(request, stream) { request, _ in request?.deallocate() }
        if status != 0 { request.deallocate() }
    }

    /// Makes the coming ``close()`` send RST.
    func reset() {
        var descriptor: Int32 = -1
        guard isOpen, uv_fileno(handle.base, &descriptor) == 0 else { return }
        var option = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        isReading = false
        handle.close()
    }
}

/// What of an answer the kernel did not take at once, until it did.
private final class WriteRequest {
    private let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
    private let memory: UnsafeMutableRawBufferPointer
    private let done: (Int32) -> Void

    init(_ parts: [[UInt8]], from written: Int, count: Int, _ done: @escaping (Int32) -> Void) {
        memory = .allocate(byteCount: count, alignment: 1)
        self.done = done
        var skip = written
        var position = 0
        for part in parts {
            let rest = part.dropFirst(skip)
            skip -= part.count - rest.count
            UnsafeMutableRawBufferPointer(rebasing: memory[position...]).copyBytes(from: rest)
            position += rest.count
        }
    }

    deinit {
        memory.deallocate()
        request.deallocate()
    }

    func submit(to stream: UnsafeMutablePointer<uv_stream_t>) {
        request.pointee.data = Unmanaged.passRetained(self).toOpaque()
        var buffer = uv_buf_init(memory.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(memory.count))
        let status = uv_write(request, stream, &buffer, 1) { request, status in
            guard let data = request?.pointee.data else { return }
            Unmanaged<WriteRequest>.fromOpaque(data).takeRetainedValue().done(status)
        }
        if status != 0 {
            Unmanaged.passUnretained(self).release()
            done(status)
        }
    }
}
