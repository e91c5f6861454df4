import CLibUV
import Glibc
import Runtime

/// One client connection: performs what the ``ConnectionMachine`` decides.
final class Connection: @unchecked Sendable {
    // @unchecked: everything is touched on the loop's thread only. The handler's task prefers that loop as its
    // executor, libuv calls back on it, and cancellation handlers hop to it.
    let listener: LoopListener
    let loop: EventLoop
    private let options: HTTPServerOptions
    private var machine: ConnectionMachine
    private let socket: Socket
    private(set) var remoteAddress = ""
    private var isAdmitted = false
    private var task: Task<Void, Never>?
    private var puller: CheckedContinuation<[UInt8]?, any Error>?
    /// How many pulls there were: the number of the last one.
    private var pulls = 0
    private var isAdvancing = false
    private var isLingering = false
    private var watch: DeadlineWatch
    private(set) var isClosed = false

    init(listener: LoopListener) {
        self.listener = listener
        loop = listener.loop
        options = listener.shared.options
        machine = ConnectionMachine(
            limits: options.limits, maximumRequests: options.maximumRequestsPerConnection)
        socket = Socket(loop: listener.loop, readBuffer: listener.readBuffer)
        watch = DeadlineWatch(options: options)
    }

    // MARK: Beginning

    /// Takes the next client of the listening stream; `false` if there is none or it was turned away.
    func accept(from stream: UnsafeMutablePointer<uv_stream_t>) -> Bool {
        socket.delegate = self
        guard let address = socket.accept(from: stream) else { return false }
        remoteAddress = address
        guard listener.admit(address) else {
            _ = socket.tryWrite(Self.tooMany)
            isClosed = true
            socket.close()
            return false
        }
        isAdmitted = true
        return true
    }

    private static let tooMany = Array(
        """
        HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n
        """.utf8)

    func begin() { advance() }

    /// Since when nothing but the client is waited for: it has no request here that anybody works on.
    var idleSince: UInt64? { isClosed || isLingering ? nil : watch.idleSince }

    // MARK: What the socket tells

    func received(_ bytes: UnsafeRawBufferPointer) {
        guard !isLingering else { return }
        machine.received(bytes)
        advance()
    }

    func inputEnded() {
        guard !isLingering else { return close() }
        machine.inputEnded()
        advance()
    }

    /// The connection broke.
    func failed() { close() }

    // MARK: Deciding and doing

    private func advance() {
        guard !isAdvancing, !isClosed else { return }
        isAdvancing = true
        while !isClosed, let action = machine.next() { perform(action) }
        isAdvancing = false
        settle()
    }

    /// Reads as long as there is room and notes what is waited for.
    private func settle() {
        guard !isClosed, !isLingering else { return }
        if machine.wantsInput { socket.startReading() } else { socket.stopReading() }
        watch.update(waitsFor: machine.waitsFor, request: machine.requests, now: uv_now(loop.raw))
    }

    private func perform(_ action: ConnectionMachine.Action) {
        switch action {
        case .start(let head, let body): start(head, body)
        case .deliver(let chunk): take(&puller)?.resume(returning: chunk)
        case .failPull(let error): take(&puller)?.resume(throwing: error)
        case .sendContinue: socket.send([Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)])
        case .refuse(let refusal): refuse(refusal)
        case .close(let lingering): if lingering { linger() } else { close() }
        }
    }

    private func start(_ head: RequestHead, _ body: [UInt8]?) {
        let id = head.headers["X-Request-Id"].flatMap(HTTPRequest.acceptedID) ?? HTTPRequest.newID()
        let request = HTTPRequest(
            head.method, head.target, headers: head.headers, body: content(head, body), remoteAddress: remoteAddress,
            id: id)
        let context = ResponseEncoder.Context(
            method: head.method, isHTTP10: head.isHTTP10, keepsAlive: head.keepsAlive, requestID: id)
        let handler = listener.shared.handler
        let number = machine.requests
        let started = Task.immediate(executorPreference: loop) { [self] in
            let response = await handler(request)
            await answer(response, context)
        }
        // Most handlers have ended by now.
        if machine.isServing(number), !isClosed { task = started }
        if isClosed { started.cancel() }
    }

    private func content(_ head: RequestHead, _ body: [UInt8]?) -> HTTPBody {
        if let body { return body.isEmpty ? .none : .bytes(body) }
        let number = machine.requests
        let length: Int? = if case .length(let length) = head.framing { length } else { nil }
        return .stream(length: length) { [self] in try await pull(request: number) }
    }

    private func refuse(_ refusal: HTTPRefusal) {
        let id = HTTPRequest.newID()
        let response = options.refusal(refusal.status, refusal.reason, id)
        let context = ResponseEncoder.Context(method: .get, isHTTP10: false, keepsAlive: false, requestID: id)
        var output: [UInt8] = []
        _ = ResponseEncoder.encode(response, context, date: listener.clock.date, into: &output)
        if case .bytes(let bytes) = response.body.content { output.append(contentsOf: bytes) }
        socket.send([output])
        machine.finished()
    }

    // MARK: The body of the request

    private func pull(request: Int) async throws -> [UInt8]? {
        guard loop.isCurrent else {
            // A handler that left the loop, for an actor with its own executor for instance.
            return try await Task(executorPreference: loop) { try await self.pull(request: request) }.value
        }
        pulls += 1
        let number = pulls
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                guard !isClosed, machine.isServing(request) else {
                    return continuation.resume(throwing: HTTPBodyError.interrupted)
                }
                precondition(puller == nil, "a body has one reader at a time")
                puller = continuation
                machine.pull()
                if isAdvancing {
                    // Called from within `start`: the loop that runs the actions goes on with this one.
                    return
                }
                advance()
            }
        } onCancel: {
            loop.execute { self.cancelPull(number) }
        }
    }

    /// The cancellation of a pull may come when that has ended and the next one waits.
    private func cancelPull(_ number: Int) {
        guard number == pulls, puller != nil else { return }
        machine.cancelPull()
        take(&puller)?.resume(throwing: CancellationError())
        // The sender need not hurry for a reader who went.
        settle()
    }

    // MARK: The answer

    private func answer(_ response: HTTPResponse, _ context: ResponseEncoder.Context) async {
        guard !isClosed else { return }
        var context = context
        context.keepsAlive = machine.responded()
        var output = take(&listener.scratch)
        output.removeAll(keepingCapacity: true)
        let framing = ResponseEncoder.encode(response, context, date: listener.clock.date, into: &output)
        var intact = true
        switch (framing, response.body.content) {
        case (.none, _), (_, .none): intact = await socket.write([output])
        case (_, .bytes(let bytes)) where bytes.count <= 16 * 1024:
            output.append(contentsOf: bytes)
            intact = await socket.write([output])
        case (_, .bytes(let bytes)): intact = await socket.write([output, bytes])
        case (_, .stream(_, let next)):
            intact = await socket.write([output])
            if intact { intact = await stream(framing, next) }
        }
        if output.capacity <= 64 * 1024 { listener.scratch = output }
        finish(intact)
    }

    private func finish(_ intact: Bool) {
        task = nil
        guard !isClosed else { return }
        guard intact else { return abort() }
        machine.finished()
        advance()
    }

    /// Sends a stream chunk by chunk; `false` when it failed, ended early or brought more than it promised.
    private func stream(_ framing: ResponseEncoder.Framing, _ next: HTTPBody.Puller) async -> Bool {
        var left: Int? = if case .length(let length) = framing { length } else { nil }
        do {
            while let chunk = try await next() {
                if chunk.isEmpty { continue }
                if let known = left {
                    guard chunk.count <= known else { return false }
                    left = known - chunk.count
                }
                let parts = framing == .chunked ? [.chunkSize(chunk.count), chunk, Self.lineEnd] : [chunk]
                guard await socket.write(parts) else { return false }
            }
            guard left ?? 0 == 0 else { return false }
            return framing == .chunked ? await socket.write([Self.lastChunk]) : true
        } catch {
            return false
        }
    }

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]
    private static let lastChunk = Array("0\r\n\r\n".utf8)

    // MARK: Time

    /// - Parameter lost: the milliseconds before `now` in which the loop did nothing.
    func tick(now: UInt64, lost: UInt64) {
        guard !isClosed else { return }
        if lost > 0 { watch.pardon(lost, now: now) }
        if isLingering {
            if watch.lingeredEnough(now: now) { close() }
            return
        }
        if watch.isStalled(queued: socket.queuedBytes, now: now) { return abort() }
        if watch.isOverdue(bodyBytes: machine.bodyBytes, now: now) {
            if let action = machine.timedOut() { perform(action) }
            return advance()
        }
        // While nothing is read, libuv does not tell of a reset: look.
        if !socket.isReading, socket.isBroken { close() }
    }

    func drain() {
        machine.drain()
        advance()
    }

    // MARK: Ending

    /// Makes room for somebody else.
    func giveWay() { close() }

    /// Ends our side and reads on for a while, so that the answer is not lost to a reset.
    private func linger() {
        guard !isLingering else { return }
        isLingering = true
        watch.lingers(now: uv_now(loop.raw))
        socket.shutdown()
        if !socket.startReading() { close() }
    }

    /// Ends with a reset, so that the client does not take a cut answer for a whole one.
    func abort() {
        guard !isClosed else { return }
        socket.reset()
        close()
    }

    private func close() {
        guard !isClosed else { return }
        isClosed = true
        task?.cancel()
        task = nil
        socket.close()
        take(&puller)?.resume(throwing: HTTPBodyError.interrupted)
        if isAdmitted { listener.shared.census.leave(remoteAddress) }
        listener.remove(self)
    }
}

/// Takes a value out, leaving nothing behind.
private func take<Value>(_ value: inout Value?) -> Value? {
    defer { value = nil }
    return value
}

private func take(_ bytes: inout [UInt8]) -> [UInt8] {
    defer { bytes = [] }
    return bytes
}
