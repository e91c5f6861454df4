import JSON
import Values

/// A field of a record: its definition and how to reach it.
@dynamicMemberLookup
public struct Field<Record: Sendable>: Sendable {
    public let definition: FieldDefinition
    let get: @Sendable (Record) -> FieldValue
    let set: @Sendable (inout Record, FieldValue) -> Bool

    /// A field that can be read and set through `path`.
    ///
    /// The Swift type must be able to hold every value of `type`: checked here, when the catalogue is made. Inlinable, so
    /// that the closures are made for the types of each field: they run some hundred times a request.
    @inlinable
    public init<Value: FieldConvertible>(
        _ name: String, _ path: any WritableKeyPath<Record, Value> & Sendable, _ type: FieldType, zh: String,
        en: String,
        _ traits: FieldTraits = [], help: String? = nil, column: String? = nil
    ) {
        let definition = FieldDefinition(name, type, zh: zh, en: en, traits, help: help, column: column)
        let fits = { (value: FieldValue) in Value(fieldValue: value) != nil }
        guard let offset = MemoryLayout<Record>.offset(of: path) else {
            // A computed property, which only its key path knows.
            self.init(
                definition, fits: fits, get: { $0[keyPath: path].fieldValue },
                set: { record, value in
                    guard let value = Value(fieldValue: value) else { return false }
                    record[keyPath: path] = value
                    return true
                })
            return
        }
        // A stored property: its place is the same in every record, and saves a key path's walk.
        self.init(
            definition, fits: fits,
            get: { record in
                withUnsafePointer(to: record) {
                    UnsafeRawPointer($0).advanced(by: offset).assumingMemoryBound(to: Value.self).pointee.fieldValue
                }
            },
            set: { record, value in
                guard let value = Value(fieldValue: value) else { return false }
                withUnsafeMutablePointer(to: &record) {
                    UnsafeMutableRawPointer($0).advanced(by: offset).assumingMemoryBound(to: Value.self).pointee = value
                }
                return true
            })
    }

    @usableFromInline
    init(
        _ definition: FieldDefinition, fits: (FieldValue) -> Bool, get: @escaping @Sendable (Record) -> FieldValue,
        set: @escaping @Sendable (inout Record, FieldValue) -> Bool
    ) {
        var definition = definition
        definition.isNullable = definition.isNullable && fits(.null)
        for sample in definition.type.samples {
            precondition(fits(sample), "\(definition.name): the type of its property cannot hold \(sample)")
        }
        (self.definition, self.get, self.set) = (definition, get, set)
    }

    public subscript<Value>(dynamicMember path: KeyPath<FieldDefinition, Value>) -> Value {
        definition[keyPath: path]
    }
}

extension FieldType {
    /// Values by which it shows whether a Swift type fits.
    var samples: [FieldValue] {
        switch self {
        case .string, .text, .email, .phone, .url: [.string("a")]
        case .choice(let choices): choices.map { .string($0.value) }
        case .integer(let range): [.int(range.lowerBound)]
        case .decimal: [.double(1.5)]
        case .boolean: [.bool(true)]
        case .money: [.money(.zero(.cny))]
        case .date: [.date(CalendarDate(days: 0))]
        case .timestamp: [.timestamp(Timestamp(microseconds: 0))]
        case .uuid, .reference: [.uuid(UUIDv7.make())]
        case .list: [.list([])]
        case .object, .json: []
        }
    }
}

/// An entity described once: from this come validation, schemas, filters, sort, import, rules and answers.
public struct Entity<Record: Sendable>: Sendable {
    public let schema: ObjectSchema
    public let fields: [Field<Record>]
    /// Of the fields, in their order.
    private let names: [String]
    /// `,"name":` of each field.
    private let keys: [[UInt8]]
    /// How to reach each field: apart from its definition, which is much to copy for one value.
    let getters: [@Sendable (Record) -> FieldValue]
    let setters: [@Sendable (inout Record, FieldValue) -> Bool]
    /// The word in types and topics: `lead`.
    public let name: String
    public let zh: String
    public let en: String
    let custom: (@Sendable (Record) -> JSONObject)?
    let setCustom: (@Sendable (inout Record, JSONObject) -> Void)?

    public init(_ name: String, zh: String, en: String, _ fields: [Field<Record>]) {
        self.init(name, zh: zh, en: en, fields, custom: nil, setCustom: nil)
    }

    /// - Parameter custom: where the record keeps a tenant's own fields.
    public init(
        _ name: String, zh: String, en: String, custom: any WritableKeyPath<Record, JSONObject> & Sendable,
        _ fields: [Field<Record>]
    ) {
        self.init(
            name, zh: zh, en: en, fields, custom: { $0[keyPath: custom] }, setCustom: { $0[keyPath: custom] = $1 })
    }

    private init(
        _ name: String, zh: String, en: String, _ fields: [Field<Record>],
        custom: (@Sendable (Record) -> JSONObject)?, setCustom: (@Sendable (inout Record, JSONObject) -> Void)?
    ) {
        self.name = name
        self.zh = zh
        self.en = en
        self.fields = fields
        names = fields.map(\.definition.name)
        getters = fields.map(\.get)
        setters = fields.map(\.set)
        keys = names.map { Array(",\"\($0)\":".utf8) }
        schema = ObjectSchema(
            name.prefix(1).uppercased() + name.dropFirst(), hasCustom: custom != nil, fields.map(\.definition))
        self.custom = custom
        self.setCustom = setCustom
    }

    public subscript(name: String) -> FieldDefinition? { schema[name] }

    /// The value of a field, or of a custom field by `custom.<name>`; nil when there is no such field.
    public func value(of name: String, in record: Record) -> FieldValue? {
        if let position = schema.position(of: name) { return getters[position](record) }
        guard let custom, name.hasPrefix("custom.") else { return nil }
        return custom(record)[String(name.dropFirst("custom.".count))].map { $0.isNull ? .null : .json($0) }
    }
}

// MARK: - Changing

extension Entity {
    public func validate(create body: JSON, custom: CustomFields = .none) throws(ValidationFailure) -> FieldChanges {
        try schema.validate(body, .create, custom: custom)
    }

    public func validate(patch body: JSON, custom: CustomFields = .none) throws(ValidationFailure) -> FieldChanges {
        try schema.validate(body, .patch, custom: custom)
    }

    /// The record with the changes, and the names of the fields whose value is another one now (`custom` as a whole).
    public func apply(_ changes: FieldChanges, to record: Record) -> (record: Record, changed: [String]) {
        var result = record
        var changed: [String] = []
        for change in changes.list {
            let field = fields[change.position]
            guard field.get(result) != change.value else { continue }
            precondition(field.set(&result, change.value), "\(name).\(change.name) cannot hold \(change.value)")
            changed.append(change.name)
        }
        if let given = changes.custom, let custom, let setCustom {
            let old = custom(result)
            let merged = JSON.object(old).merging(patch: .object(given)).object ?? [:]
            if merged != old {
                setCustom(&result, merged)
                changed.append("custom")
            }
        }
        return (result, changed)
    }

    /// Names of the fields that differ, `custom` among them.
    public func changes(from old: Record, to new: Record) -> [String] {
        var changed = fields.filter { $0.get(old) != $0.get(new) }.map(\.name)
        if let custom, custom(old) != custom(new) { changed.append("custom") }
        return changed
    }

    /// The old values of the fields that differ: an event's `previous`.
    public func previous(_ old: Record, comparedWith new: Record) -> JSONObject {
        var members: [JSONObject.Member] = []
        for field in fields where field.isInEvents {
            let value = field.get(old)
            if value != field.get(new) { members.append((field.name, value.json)) }
        }
        if let custom, custom(old) != custom(new) { members.append(("custom", .object(custom(old)))) }
        return JSONObject(distinct: members)
    }
}

// MARK: - Showing

extension Entity {
    /// Every member, absent ones as null; with `names` only those, in the catalogue's order.
    public func encode(_ record: Record, fields names: Set<String>? = nil) -> JSON {
        var members: [JSONObject.Member] = []
        members.reserveCapacity(fields.count + 1)
        for index in fields.indices where names?.contains(self.names[index]) ?? true {
            members.append((self.names[index], getters[index](record).json))
        }
        if let custom, names?.contains("custom") ?? true { members.append(("custom", .object(custom(record)))) }
        return .object(JSONObject(distinct: members))
    }

    /// The bytes of `encode`, written at once.
    public func write(_ record: Record, fields names: Set<String>? = nil, into writer: inout JSONWriter) {
        writer.raw("{")
        var isFirst = true
        for index in fields.indices where names?.contains(self.names[index]) ?? true {
            writer.bytes.append(contentsOf: keys[index][(isFirst ? 1 : 0)...])
            isFirst = false
            writer.write(getters[index](record))
        }
        if let custom, names?.contains("custom") ?? true {
            writer.raw(isFirst ? "\"custom\":" : ",\"custom\":")
            writer.write(.object(custom(record)))
        }
        writer.raw("}")
    }

    /// A record from our own JSON (an event's snapshot, a stored document): members that are not known are passed
    /// over, absent ones keep the value they have in `blank`, bounds are not checked.
    public func decode(_ json: JSON, into blank: Record) throws(ValidationFailure) -> Record {
        guard case .object(let members) = json else {
            throw ValidationFailure([.wrongType("", wanted: ("an object", "对象"), got: json)])
        }
        var record = blank
        var issues: [FieldIssue] = []
        for field in fields {
            guard let member = members[field.name] else { continue }
            let path = JSONPointer([field.name])
            do throws(ValidationFailure) {
                let value = member.isNull ? .null : try field.definition.type.read(member, at: path, .tolerant)
                if value.isNull, !field.isNullable { continue }
                guard field.set(&record, value) else {
                    throw ValidationFailure([.wrongType(path, wanted: (field.type.name, field.type.name), got: member)])
                }
            } catch { issues += error.issues }
        }
        if let setCustom, let values = members["custom"]?.object { setCustom(&record, values) }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        return record
    }
}
