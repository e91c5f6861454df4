/// Header fields in the order they were sent or set; names compare without regard to ASCII case.
public struct HTTPHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One field line.
    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public private(set) var fields: [Field]

    public init() { fields = [] }

    public init(_ fields: [Field]) { self.fields = fields }

    public init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The first value of the field; setting replaces every line of that name, `nil` removes them.
    public subscript(name: String) -> String? {
        get {
            for field in fields where Self.same(field.name, name) { return field.value }
            return nil
        }
        set {
            remove(name)
            if let newValue { add(name, newValue) }
        }
    }

    /// Every value of the field, one for each line, in order.
    public func values(_ name: String) -> [String] {
        fields.filter { Self.same($0.name, name) }.map(\.value)
    }

    /// The elements of a comma-separated list field (`Accept`, `Connection`, …) over all its lines, trimmed.
    public func list(_ name: String) -> [String] {
        values(name).flatMap { $0.split(separator: ",") }
            .map { $0.drop(while: Self.isBlank).reversed().drop(while: Self.isBlank).reversed() }
            .filter { !$0.isEmpty }.map { String($0) }
    }

    public func contains(_ name: String) -> Bool {
        fields.contains { Self.same($0.name, name) }
    }

    /// Adds a line, keeping others of the same name.
    public mutating func add(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    public mutating func remove(_ name: String) {
        fields.removeAll { Self.same($0.name, name) }
    }

    mutating func reserve(_ count: Int) { fields.reserveCapacity(count) }

    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

    /// Whether two texts are equal but for the case of ASCII letters.
    public static func same(_ left: String, _ right: String) -> Bool {
        let (left, right) = (left.utf8Span.span, right.utf8Span.span)
        return left.count == right.count && begins(left, with: right)
    }

    /// Whether a text begins with another, but for the case of ASCII letters.
    public static func hasPrefix(_ text: String, _ prefix: String) -> Bool {
        let (text, prefix) = (text.utf8Span.span, prefix.utf8Span.span)
        return text.count >= prefix.count && begins(text, with: prefix)
    }

    private static func begins(_ text: Span<UInt8>, with prefix: Span<UInt8>) -> Bool {
        for index in prefix.indices where text[index] != prefix[index] {
            guard Byte.lowered(text[index]) == Byte.lowered(prefix[index]) else { return false }
        }
        return true
    }
}
