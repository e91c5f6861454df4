/// The logic of one server connection, without I/O.
///
/// The shell feeds it with what happens (`received`, `inputEnded`, `pull`, `responded`, `finished`, `drain`) and then
/// performs what ``next()`` answers until that is `nil`. One request is served at a time and input is parsed only on
/// demand, so answers keep the order of the requests, and what a client sends ahead is bounded by one buffer.
struct ConnectionMachine {
    enum Action {
        /// Run the handler. `body` is there when the whole body arrived with the head.
        case start(RequestHead, body: [UInt8]?)
        /// Answer the waiting pull: a chunk, or `nil` at the end.
        case deliver([UInt8]?)
        case failPull(HTTPBodyError)
        /// Send `100 Continue`.
        case sendContinue
        /// Send an answer of the server itself, then call `finished()`.
        case refuse(HTTPRefusal)
        /// Close: at once, or after the peer had time to read what was written (`lingering`).
        case close(lingering: Bool)
    }

    private enum Phase {
        /// Between requests, or in the middle of a head.
        case head(HeadScanner)
        /// A handler runs or its answer is being written.
        case active
        /// Answered; the rest of the body is read and dropped.
        case discarding
        /// The server's own refusal is being written.
        case refusing
        case closed
    }

    private let limits: HTTPLimits
    private let maximumRequests: Int
    private var input = InputBuffer()
    private var phase: Phase
    private var body = BodyDecoder(.none, limits: HTTPLimits())
    private var isBodyComplete = true
    private var isBodyBroken = false
    private var isPulling = false
    private var owesContinue = false
    private var keepsAlive = true
    private var hasAnswered = false
    private var isDraining = false
    private var hasInputEnded = false
    private var discarded = 0
    /// Requests started.
    private(set) var requests = 0
    /// Body bytes handed on, to measure the sender's rate.
    private(set) var bodyBytes = 0

    init(limits: HTTPLimits, maximumRequests: Int) {
        self.limits = limits
        self.maximumRequests = maximumRequests
        phase = .head(HeadScanner(limits: limits))
    }

    // MARK: What the shell asks

    /// Whether to read from the peer: there is room.
    var wantsInput: Bool {
        if case .closed = phase { return false }
        return !hasInputEnded && input.count < limits.buffered
    }

    /// What the connection waits for, to choose the deadline.
    var waitsFor: Wait {
        switch phase {
        case .head(let scanner): scanner.hasBegun || requests == 0 ? .head : .nextRequest
        case .active: isPulling ? .body : .handler
        case .discarding: .body
        case .refusing, .closed: .handler
        }
    }

    enum Wait { case head, nextRequest, body, handler }

    /// Whether the request of that number (counted from 1) is being handled or answered.
    func isServing(_ number: Int) -> Bool {
        if case .active = phase { return requests == number }
        return false
    }

    // MARK: What the shell tells

    mutating func received(_ bytes: UnsafeRawBufferPointer) {
        if case .closed = phase { return }
        input.append(bytes)
    }

    /// The peer sent FIN: it will send no more, but still reads.
    mutating func inputEnded() { hasInputEnded = true }

    /// The handler asks for the next part of the body.
    mutating func pull() { isPulling = true }

    /// The handler no longer waits.
    mutating func cancelPull() { isPulling = false }

    /// The answer's head is about to be written: whether the connection can stay open after it.
    mutating func responded() -> Bool {
        hasAnswered = true
        owesContinue = owesContinue && !isBodyComplete
        if !isBodyComplete {
            let left = body.remaining ?? Int.max
            if owesContinue || isBodyBroken || left > limits.discarded { keepsAlive = false }
        }
        if isDraining || hasInputEnded && input.isEmpty || requests >= maximumRequests { keepsAlive = false }
        return keepsAlive
    }

    /// Everything of the answer is written.
    mutating func finished() {
        if case .refusing = phase { keepsAlive = false }
        phase = .discarding
    }

    /// No further requests after the present one.
    mutating func drain() { isDraining = true }

    /// The time for the whole head or body is over.
    mutating func timedOut() -> Action? {
        switch phase {
        case .head(let scanner) where scanner.hasBegun:
            return refuse(HTTPRefusal(.requestTimeout, "The request head took too long to arrive."))
        case .active where isPulling:
            isPulling = false
            isBodyBroken = true
            return .failPull(.interrupted)
        case .closed: return nil
        default:
            phase = .closed
            return .close(lingering: false)
        }
    }

    // MARK: What happens next

    mutating func next() -> Action? {
        switch phase {
        case .head(let scanner): return readHead(scanner)
        case .active: return isPulling ? readBody() : nil
        case .discarding: return discard()
        case .refusing, .closed: return nil
        }
    }

    private mutating func readHead(_ before: HeadScanner) -> Action? {
        var scanner = before
        if isDraining, input.isEmpty { return close(lingering: false) }
        do throws(HTTPRefusal) {
            if let length = try scanner.scan(input.storage.span.extracting(input.range)) {
                let range = input.range
                let head = try RequestHead(
                    input.storage.span.extracting(range.lowerBound..<range.lowerBound + length), limits: limits)
                input.consume(length)
                return start(head)
            }
        } catch { return refuse(error) }
        phase = .head(scanner)
        if hasInputEnded {
            return input.isEmpty ? close(lingering: false) : refuse(.bad("The request ends in the middle of its head."))
        }
        return nil
    }

    private mutating func start(_ head: RequestHead) -> Action {
        requests += 1
        phase = .active
        keepsAlive = head.keepsAlive
        hasAnswered = false
        isPulling = false
        isBodyBroken = false
        bodyBytes = 0
        discarded = 0
        body = BodyDecoder(head.framing, limits: limits)
        isBodyComplete = head.framing == .none || head.framing == .length(0)
        owesContinue = head.expectsContinue
        guard let length = body.remaining, length > 0, length <= input.count else {
            return .start(head, body: isBodyComplete ? [] : nil)
        }
        isBodyComplete = true
        owesContinue = false
        return .start(head, body: input.take(upTo: length))
    }

    private mutating func readBody() -> Action? {
        if isBodyBroken {
            isPulling = false
            return .failPull(.interrupted)
        }
        do throws(HTTPRefusal) {
            switch try body.next(&input) {
            case .chunk(let bytes):
                isPulling = false
                owesContinue = false
                bodyBytes += bytes.count
                return .deliver(bytes)
            case .end:
                isPulling = false
                isBodyComplete = true
                return .deliver(nil)
            case .needsMore: break
            }
        } catch {
            isPulling = false
            isBodyBroken = true
            return .failPull(
                error.status == .contentTooLarge ? .tooLarge(limit: limits.body) : .malformed(error.reason))
        }
        if hasInputEnded {
            isPulling = false
            isBodyBroken = true
            return .failPull(.interrupted)
        }
        if owesContinue, !hasAnswered {
            owesContinue = false
            return .sendContinue
        }
        return nil
    }

    /// Drops what is left of the body, then goes on to the next request or closes.
    private mutating func discard() -> Action? {
        if isPulling {
            isPulling = false
            return .failPull(.interrupted)
        }
        guard keepsAlive else { return close(lingering: true) }
        while !isBodyComplete {
            do throws(HTTPRefusal) {
                switch try body.next(&input) {
                case .chunk(let bytes):
                    discarded += bytes.count
                    if discarded > limits.discarded { return close(lingering: true) }
                case .end: isBodyComplete = true
                case .needsMore: return hasInputEnded ? close(lingering: false) : nil
                }
            } catch { return close(lingering: true) }
        }
        phase = .head(HeadScanner(limits: limits))
        return next()
    }

    private mutating func refuse(_ refusal: HTTPRefusal) -> Action {
        phase = .refusing
        keepsAlive = false
        return .refuse(refusal)
    }

    private mutating func close(lingering: Bool) -> Action {
        phase = .closed
        return .close(lingering: lingering)
    }
}
