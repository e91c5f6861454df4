import Foundation
import Values

// What the values of the domain look like in JSON.

extension String: JSONRepresentable { public var json: JSON { .string(self) } }
extension Bool: JSONRepresentable { public var json: JSON { .bool(self) } }
extension Int: JSONRepresentable { public var json: JSON { .int(Int64(self)) } }
extension Int64: JSONRepresentable { public var json: JSON { .int(self) } }
extension Double: JSONRepresentable { public var json: JSON { isFinite ? .double(self) : .null } }
extension UUID: JSONRepresentable { public var json: JSON { .string(lowercased) } }
extension Timestamp: JSONRepresentable { public var json: JSON { .string(description) } }
extension CalendarDate: JSONRepresentable { public var json: JSON { .string(description) } }
extension TenantID: JSONRepresentable { public var json: JSON { .string(text) } }
extension Currency: JSONRepresentable { public var json: JSON { .string(code) } }

extension Money: JSONRepresentable {
    /// `{"amount": "1054.00", "currency": "USD"}`
    public var json: JSON {
        .object(JSONObject(distinct: [("amount", .string(amount)), ("currency", .string(currency.code))]))
    }
}

extension Optional: JSONRepresentable where Wrapped: JSONRepresentable {
    public var json: JSON { self?.json ?? .null }
}

extension Array: JSONRepresentable where Element: JSONRepresentable {
    public var json: JSON { .array(map(\.json)) }
}

extension JSON: Codable {
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            self = .object(
                JSONObject(try container.allKeys.map { ($0.stringValue, try container.decode(JSON.self, forKey: $0)) }))
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSON] = []
            while !container.isAtEnd { elements.append(try container.decode(JSON.self)) }
            self = .array(elements)
        } else {
            self = try JSON(single: decoder.singleValueContainer())
        }
    }

    private init(single container: any SingleValueDecodingContainer) throws {
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: Name.self)
            for member in members { try container.encode(member.value, forKey: Name(member.name)) }
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        default:
            var container = encoder.singleValueContainer()
            switch self {
            case .bool(let value): try container.encode(value)
            case .int(let value): try container.encode(value)
            case .double(let value): try container.encode(value)
            case .string(let value): try container.encode(value)
            default: try container.encodeNil()
            }
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }
}
