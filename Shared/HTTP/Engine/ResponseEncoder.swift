/// Writes the head of an answer and decides how its body is framed.
struct ResponseEncoder {
    /// How the body follows the head.
    enum Framing: Hashable {
        /// No body follows, whatever the answer carries.
        case none
        case length(Int)
        case chunked
        /// HTTP/1.0: the end of the connection ends the body.
        case untilClose
    }

    /// What the request says about the answer.
    struct Context {
        var method: HTTPMethod
        var isHTTP10: Bool
        var keepsAlive: Bool
        var requestID: String
    }

    /// Appends the head to `output`.
    ///
    /// - Parameter date: the value of `Date`, as bytes.
    static func encode(
        _ response: HTTPResponse, _ context: Context, date: [UInt8], into output: inout [UInt8]
    ) -> Framing {
        let framing = framing(response, context)
        output.append(contentsOf: statusLines.line(response.status))
        output.append("Date: ")
        output.append(contentsOf: date)
        output.append("\r\n")
        var hasID = false
        for field in response.headers.fields {
            if isReserved(field.name, response, context) { continue }
            if field.name.utf8.count == 12, HTTPHeaders.same(field.name, "X-Request-Id") { hasID = true }
            append(field, to: &output)
        }
        if !hasID { append(.init(name: "X-Request-Id", value: context.requestID), to: &output) }
        switch framing {
        case .length(let length): append(length: length, to: &output)
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        case .none:
            // An answer to HEAD tells the length that GET would have.
            if context.method == .head, !response.status.forbidsBody, let length = response.body.length, length > 0 {
                append(length: length, to: &output)
            }
        case .untilClose: break
        }
        if !context.keepsAlive { output.append("Connection: close\r\n") }
        output.append("\r\n")
        return framing
    }

    private static func framing(_ response: HTTPResponse, _ context: Context) -> Framing {
        if context.method == .head || response.status.forbidsBody { return .none }
        if let length = response.body.length { return .length(length) }
        return context.isHTTP10 ? .untilClose : .chunked
    }

    /// Fields that the server sets itself. An answer to HEAD without a body may tell a length that it knows.
    private static func isReserved(_ name: String, _ response: HTTPResponse, _ context: Context) -> Bool {
        switch name.utf8.count {
        case 4: HTTPHeaders.same(name, "Date")
        case 10: HTTPHeaders.same(name, "Connection") || HTTPHeaders.same(name, "Keep-Alive")
        case 14:
            HTTPHeaders.same(name, "Content-Length")
                && !(context.method == .head && response.body.length == 0 && !response.status.forbidsBody)
        case 17: HTTPHeaders.same(name, "Transfer-Encoding")
        default: false
        }
    }

    private static func append(length: Int, to output: inout [UInt8]) {
        output.append("Content-Length: ")
        output.append(decimal: length)
        output.append("\r\n")
    }

    /// Appends a line that cannot break out of itself: a name that is no token drops the line, controls in the value
    /// become spaces.
    private static func append(_ field: HTTPHeaders.Field, to output: inout [UInt8]) {
        guard isToken(field.name.utf8Span.span) else { return }
        output.append(contentsOf: field.name.utf8)
        output.append(Byte.colon)
        output.append(Byte.space)
        let start = output.count
        output.append(contentsOf: field.value.utf8)
        for index in start..<output.count {
            let byte = output[index]
            if byte < 0x20 && byte != Byte.tab || byte == 0x7F { output[index] = Byte.space }
        }
        output.append("\r\n")
    }

    private static func isToken(_ name: Span<UInt8>) -> Bool {
        for index in name.indices where !Byte.isToken(name[index]) { return false }
        return !name.isEmpty
    }

    private static let statusLines = StatusLines()
}

/// `HTTP/1.1 200 OK`, made once for each code.
private struct StatusLines {
    private let lines: [[UInt8]]

    init() {
        lines = (100..<600).map { code in
            Array("HTTP/1.1 \(code) \(HTTPStatus(rawValue: code).reason)\r\n".utf8)
        }
    }

    func line(_ status: HTTPStatus) -> [UInt8] {
        let index = status.rawValue - 100
        return index < lines.count ? lines[index] : Array("HTTP/1.1 \(status.rawValue) \r\n".utf8)
    }
}

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(decimal number: Int) {
        let start = count
        var rest = number
        repeat {
            append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// The size line of a chunk.
    static func chunkSize(_ size: Int) -> [UInt8] { Array(String(size, radix: 16).utf8) + [0x0D, 0x0A] }
}
