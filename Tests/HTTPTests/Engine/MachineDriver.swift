import Testing

@testable import HTTP

/// Runs bytes through a ``ConnectionMachine`` whose handler reads every body and answers 200.
struct MachineDriver {
    /// What came of the bytes, in order; refusals by status.
    enum Outcome: Hashable, CustomStringConvertible {
        case request(String, body: String, headers: [String])
        case brokenBody(HTTPBodyError)
        case sentContinue
        case refused(Int)
        case closed

        var description: String {
            switch self {
            case .request(let line, let body, let headers): "\(line) [\(body)] \(headers)"
            case .brokenBody(let error): "broken body: \(error)"
            case .sentContinue: "100"
            case .refused(let status): "refused \(status)"
            case .closed: "closed"
            }
        }
    }

    private(set) var machine: ConnectionMachine
    private(set) var outcomes: [Outcome] = []
    private var head: RequestHead?
    private var body: [UInt8] = []

    init(limits: HTTPLimits = HTTPLimits(), maximumRequests: Int = 1000) {
        machine = ConnectionMachine(limits: limits, maximumRequests: maximumRequests)
    }

    mutating func feed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { machine.received($0) }
        run()
    }

    mutating func end() {
        machine.inputEnded()
        run()
    }

    mutating func drain() {
        machine.drain()
        run()
    }

    private mutating func run() {
        while let action = machine.next() {
            switch action {
            case .start(let head, let whole):
                self.head = head
                body = whole ?? []
                if whole == nil { machine.pull() } else { answer() }
            case .deliver(let chunk?):
                body += chunk
                machine.pull()
            case .deliver(nil): answer()
            case .failPull(let error):
                outcomes.append(.brokenBody(error))
                _ = machine.responded()
                machine.finished()
            case .sendContinue: outcomes.append(.sentContinue)
            case .refuse(let refusal):
                outcomes.append(.refused(refusal.status.code))
                machine.finished()
            case .close: outcomes.append(.closed)
            }
        }
    }

    private mutating func answer() {
        guard let head else { return }
        outcomes.append(
            .request(
                "\(head.method.rawValue) \(head.target)", body: String(decoding: body, as: UTF8.self),
                headers: head.headers.fields.map { "\($0.name)=\($0.value)" }))
        _ = machine.responded()
        machine.finished()
    }

    /// The outcomes of `text` fed at once and then ended by the peer.
    static func outcomes(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [Outcome] {
        outcomes(pieces: [Array(text.utf8)], limits: limits)
    }

    static func outcomes(pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> [Outcome] {
        var driver = MachineDriver(limits: limits)
        for piece in pieces { driver.feed(piece) }
        driver.end()
        return driver.outcomes
    }
}
