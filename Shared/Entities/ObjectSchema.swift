import JSON
import Values

/// The members of an object and their rules: of an entity, of an act's body, of a part of a record.
public struct ObjectSchema: Sendable {
    /// Names the schema in documents: `Lead`, `MoveOpportunity`.
    public let name: String
    public let fields: [FieldDefinition]
    /// Whether a member `custom` holds a tenant's own fields.
    public let hasCustom: Bool
    private let positions: [String: Int]

    public init(_ name: String, hasCustom: Bool = false, _ fields: [FieldDefinition]) {
        self.name = name
        self.fields = fields
        self.hasCustom = hasCustom
        positions = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
    }

    public subscript(name: String) -> FieldDefinition? { positions[name].map { fields[$0] } }

    /// Where the field is in `fields`.
    func position(of name: String) -> Int? { positions[name] }

    /// The names a caller may write.
    var writable: [String] { fields.filter { !$0.traits.contains(.readOnly) }.map(\.name) }
}

extension ObjectSchema: Hashable {
    public static func == (left: ObjectSchema, right: ObjectSchema) -> Bool {
        left.name == right.name && left.fields == right.fields && left.hasCustom == right.hasCustom
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

// MARK: - Validation

/// What a body is for.
public enum ValidationMode: Sendable, Hashable {
    /// A new object: required members must be there.
    case create
    /// A merge patch: absent is unchanged, null clears.
    case patch
}

extension ObjectSchema {
    /// Checks the body of a creation or an act and gives its values; or throws every issue at once.
    public func validate(create body: JSON, custom: CustomFields = .none) throws(ValidationFailure) -> FieldChanges {
        try validate(body, .create, custom: custom)
    }

    /// Checks a merge patch (RFC 7396).
    public func validate(patch body: JSON, custom: CustomFields = .none) throws(ValidationFailure) -> FieldChanges {
        try validate(body, .patch, custom: custom)
    }

    public func validate(
        _ body: JSON, _ mode: ValidationMode, custom: CustomFields = .none, at path: JSONPointer = JSONPointer()
    ) throws(ValidationFailure) -> FieldChanges {
        guard case .object(let members) = body else {
            throw ValidationFailure([.wrongType(path, wanted: ("an object", "对象"), got: body)])
        }
        var changes = FieldChanges()
        var issues: [FieldIssue] = []
        for index in 0..<members.count {
            let member = members[index]
            do throws(ValidationFailure) {
                if hasCustom, member.name == "custom" {
                    changes.custom = try custom.validate(member.value, mode, at: path / "custom")
                } else {
                    try check(member, mode, at: path, into: &changes)
                }
            } catch { issues += error.issues }
            // Who sends so many learns nothing from the rest.
            if issues.count >= ValidationFailure.mostIssues { throw ValidationFailure(issues) }
        }
        if mode == .create {
            for field in fields where field.isRequired && !members.contains(field.name) {
                if !field.traits.contains(.readOnly) { issues.append(.required(path / field.name)) }
            }
            if hasCustom, !members.contains("custom") { issues += custom.missing(at: path / "custom") }
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        return changes
    }

    private func check(
        _ member: JSONObject.Member, _ mode: ValidationMode, at path: JSONPointer, into changes: inout FieldChanges
    ) throws(ValidationFailure) {
        let path = path / member.name
        guard let position = positions[member.name] else {
            throw ValidationFailure([.unknown(path, member.name, known: writable)])
        }
        let field = fields[position]
        guard !field.traits.contains(.readOnly) else { throw ValidationFailure([.readOnly(path)]) }
        guard mode == .create || !field.traits.contains(.createOnly) else {
            throw ValidationFailure([
                FieldIssue(path, "createOnly", "This is given at creation and never changed.", zh: "此项只能在创建时填写，之后不可修改。")
            ])
        }
        let value = member.value.isNull ? .null : try field.type.read(member.value, at: path)
        if value.isNull {
            if field.isRequired || (!field.isNullable && mode == .patch) {
                throw ValidationFailure([.required(path)])
            }
            // Null at creation is the same as absent where the record has a default.
            if !field.isNullable { return }
        }
        changes.append(FieldChange(name: field.name, position: position, value: value))
    }

    /// An object within an object: as JSON with every member, checked and cleaned.
    func readNested(_ json: JSON, _ path: JSONPointer, _ reading: Reading) throws(ValidationFailure) -> FieldValue {
        if reading == .tolerant { return .json(json) }
        let changes = try validate(json, .create, at: path)
        return .json(.object(JSONObject(distinct: fields.map { ($0.name, (changes[$0.name] ?? .null).json) })))
    }
}
