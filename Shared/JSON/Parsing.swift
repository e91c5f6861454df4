import CJansson

/// Why bytes are no JSON we take, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    public let reason: String
    /// From 1; 0 when the place is not known.
    public let line: Int
    /// From 1, in characters.
    public let column: Int

    public var description: String { line > 0 ? "Line \(line), column \(column): \(reason)." : "\(reason)." }
}

extension JSON {
    /// Objects and arrays within each other, at most.
    public static let maximumDepth = 64

    /// Reads one JSON value (RFC 8259) with jansson (`json_loadb`).
    ///
    /// Refused: members that occur twice, broken UTF-8, NUL characters, whole numbers beyond 64 bits, numbers beyond a
    /// double, more than 64 levels, anything after the value.
    public static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try parse(UnsafeRawBufferPointer(buffer)) }
    }

    public static func parse(_ text: String) throws(JSONError) -> JSON { try parse(Array(text.utf8)) }

    public static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSON {
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            throw JSONError(reason: "no JSON: the text is empty", line: 1, column: 1)
        }
        if let place = tooDeep(bytes) {
            throw JSONError(
                reason: "more than \(maximumDepth) levels of objects and arrays", line: place.line,
                column: place.column)
        }
        var failure = json_error_t()
        let flags = Int(JSON_REJECT_DUPLICATES) | Int(JSON_DECODE_ANY)
        guard let root = json_loadb(start, bytes.count, flags, &failure) else {
            throw JSONError(failure)
        }
        defer { json_decref(root) }
        return JSON(root)
    }

    /// Where the 65th level opens. jansson itself recurses up to 2048 levels.
    private static func tooDeep(_ bytes: UnsafeRawBufferPointer) -> (line: Int, column: Int)? {
        var (depth, line, lineStart, inString, index) = (0, 1, 0, false, 0)
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""): inString.toggle()
            case UInt8(ascii: "\\") where inString: index += 1
            case UInt8(ascii: "{") where !inString, UInt8(ascii: "[") where !inString:
                depth += 1
                if depth > maximumDepth { return (line, index - lineStart + 1) }
            case UInt8(ascii: "}") where !inString, UInt8(ascii: "]") where !inString: depth -= 1
            case UInt8(ascii: "\n"): (line, lineStart) = (line + 1, index + 1)
            default: break
            }
            index += 1
        }
        return nil
    }

    /// Copies jansson's tree; the caller keeps its reference.
    private init(_ node: UnsafeMutablePointer<json_t>) {
        switch node.pointee.type {
        case JSON_OBJECT:
            var members: [JSONObject.Member] = []
            members.reserveCapacity(json_object_size(node))
            var position = json_object_iter(node)
            while let current = position {
                if let value = json_object_iter_value(current) {
                    let name = JSON.text(json_object_iter_key(current), json_object_iter_key_len(current))
                    members.append((name, JSON(value)))
                }
                position = json_object_iter_next(node, current)
            }
            self = .object(JSONObject(distinct: members))
        case JSON_ARRAY:
            self = .array((0..<json_array_size(node)).compactMap { json_array_get(node, $0).map(JSON.init) })
        case JSON_STRING: self = .string(JSON.text(json_string_value(node), json_string_length(node)))
        case JSON_INTEGER: self = .int(Int64(json_integer_value(node)))
        case JSON_REAL: self = .double(json_real_value(node))
        case JSON_TRUE: self = .bool(true)
        case JSON_FALSE: self = .bool(false)
        default: self = .null
        }
    }

    private static func text(_ characters: UnsafePointer<CChar>?, _ length: Int) -> String {
        guard let characters else { return "" }
        return characters.withMemoryRebound(to: UInt8.self, capacity: length) {
            String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
        }
    }
}

extension JSONError {
    /// jansson counts lines and columns as we do; its text is kept but for the final full stop.
    init(_ failure: json_error_t) {
        let text = withUnsafeBytes(of: failure.text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        self.init(
            reason: text.isEmpty ? "no JSON" : text, line: max(0, Int(failure.line)),
            column: max(1, Int(failure.column)))
    }
}
