import JSON
import Values

/// What a field may hold, with its bounds.
public indirect enum FieldType: Sendable, Hashable {
    /// One line of at most so many characters.
    case string(max: Int)
    /// Several lines.
    case text(max: Int)
    case integer(ClosedRange<Int64>)
    /// A number with at most so many digits after the point.
    case decimal(ClosedRange<Double>, digits: Int)
    case boolean
    case money(allowNegative: Bool)
    case date
    case timestamp
    case uuid
    /// The id of another entity, named as in `lead`, `user`.
    case reference(to: String)
    case choice([Choice])
    case email
    case phone
    case url
    case list(FieldType, max: Int)
    case object(ObjectSchema)
    /// Free JSON, at most so many bytes when written.
    case json(maxBytes: Int)
}

extension FieldType {
    public static var string: FieldType { .string(max: 200) }
    public static var text: FieldType { .text(max: 10_000) }
    public static var integer: FieldType { .integer(0...1_000_000_000) }
    public static var decimal: FieldType { .decimal(0...1_000_000_000, digits: 4) }
    public static var money: FieldType { .money(allowNegative: false) }
    public static var json: FieldType { .json(maxBytes: 10_000) }

    /// The values of an enumeration, with its labels.
    public static func choice<Value: LabelledChoice>(of type: Value.Type) -> FieldType {
        .choice(
            Value.allCases.map { value in
                let (zh, en) = value.labels
                return Choice(value.rawValue, zh: zh, en: en)
            })
    }

    /// Whether values have an order that lists can be sorted by.
    public var isSortable: Bool {
        switch self {
        case .list, .object, .json, .text: false
        // A cursor carries the values of its place.
        case .string(let max): max <= 500
        default: true
        }
    }

    public var isFilterable: Bool {
        switch self {
        case .object, .json: false
        case .list(let element, _): element.isFilterable
        default: true
        }
    }

    /// Whether `.contains` and `.startsWith` make sense.
    var isText: Bool {
        switch self {
        case .string, .text, .email, .phone, .url, .choice: true
        default: false
        }
    }

    /// The word for this type in the catalogue and in stored definitions of custom fields.
    public var name: String {
        switch self {
        case .string: "string"
        case .text: "text"
        case .integer: "integer"
        case .decimal: "decimal"
        case .boolean: "boolean"
        case .money: "money"
        case .date: "date"
        case .timestamp: "timestamp"
        case .uuid: "uuid"
        case .reference: "reference"
        case .choice: "choice"
        case .email: "email"
        case .phone: "phone"
        case .url: "url"
        case .list: "list"
        case .object: "object"
        case .json: "json"
        }
    }
}

/// One of the values a choice offers.
public struct Choice: Sendable, Hashable {
    public let value: String
    public let zh: String
    public let en: String

    public init(_ value: String, zh: String, en: String) {
        self.value = value
        self.zh = zh
        self.en = en
    }
}

/// An enumeration whose cases are a field's choices.
public protocol LabelledChoice: FieldConvertible, RawRepresentable<String>, CaseIterable {
    /// What people read, in Chinese and English.
    var labels: (zh: String, en: String) { get }
}
