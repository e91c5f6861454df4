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
        let left = left.utf8
        let right = right.utf8
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { $0 == $1 || Byte.lowered($0) == Byte.lowered($1) }
    }

    /// Whether a text begins with another, but for the case of ASCII letters.
    public static func hasPrefix(_ text: String, _ prefix: String) -> Bool {
        text.utf8.count >= prefix.utf8.count
            && zip(text.utf8, prefix.utf8).allSatisfy { Byte.lowered($0) == Byte.lowered($1) }
    }
}
