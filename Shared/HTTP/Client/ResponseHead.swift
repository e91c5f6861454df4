/// The head of an answer, line by line as libcurl brings it.
struct ResponseHead {
    private(set) var status: HTTPStatus?
    private(set) var headers = HTTPHeaders()
    /// The empty line came, and the answer is a final one.
    private(set) var isComplete = false

    /// Reads one line with its line end: a status line, a field or the empty line.
    mutating func read(_ line: UnsafeRawBufferPointer) {
        var line = line[...]
        while let last = line.last, last == 13 || last == 10 { line = line.dropLast() }
        if line.isEmpty {
            // 100 Continue and 103 Early Hints precede the answer proper.
            isComplete = status.map { !$0.isInformational } ?? false
        } else if line.starts(with: "HTTP/".utf8) {
            headers = HTTPHeaders()
            let code = line.split(separator: 32, maxSplits: 2).dropFirst().first
            status = code.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
                .flatMap { (100...999).contains($0) ? HTTPStatus(rawValue: $0) : nil }
        } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            var value = line[(colon + 1)...]
            while let first = value.first, Byte.isBlank(first) { value = value.dropFirst() }
            while let last = value.last, Byte.isBlank(last) { value = value.dropLast() }
            headers.add(String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }
}
