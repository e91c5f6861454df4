import JSON
import Values

/// A tenant's own fields of one entity: stored as JSON, used like the catalogue's.
public struct CustomFields: Sendable, Hashable {
    public let schema: ObjectSchema

    public static let none = CustomFields(known: [])
    /// So many a tenant may define per entity.
    public static let maximum = 200

    public var definitions: [FieldDefinition] { schema.fields }

    private init(known definitions: [FieldDefinition]) { schema = ObjectSchema("Custom", definitions) }

    /// From definitions read one by one; refuses a name that occurs twice.
    public init(_ definitions: [FieldDefinition]) throws(ValidationFailure) {
        var seen: Set<String> = []
        for definition in definitions where !seen.insert(definition.name).inserted {
            throw ValidationFailure([
                FieldIssue(
                    "/name", "duplicate", "There is a custom field \"\(definition.name)\" already.",
                    zh: "自定义字段“\(definition.name)”已存在。")
            ])
        }
        guard definitions.count <= CustomFields.maximum else {
            throw ValidationFailure([
                FieldIssue(
                    "", "tooMany", "At most \(CustomFields.maximum) custom fields.",
                    zh: "自定义字段最多 \(CustomFields.maximum) 个。")
            ])
        }
        self.init(known: definitions)
    }

    public subscript(name: String) -> FieldDefinition? { schema[name] }

    func validate(_ json: JSON, _ mode: ValidationMode, at path: JSONPointer) throws(ValidationFailure) -> JSONObject {
        if json.isNull, mode == .create { return [:] }
        let changes = try schema.validate(json, mode, at: path)
        return JSONObject(distinct: changes.list.map { ($0.name, $0.value.json) })
    }

    func missing(at path: JSONPointer) -> [FieldIssue] {
        definitions.filter(\.isRequired).map { .required(path / $0.name) }
    }
}

// MARK: - The stored form

extension FieldDefinition: JSONRepresentable {
    /// The definition as the catalogue shows it and as custom fields are stored.
    public var json: JSON {
        var members: JSONObject = [
            "name": name.json, "type": type.name.json, "labels": ["zh": zh.json, "en": en.json],
            "required": isRequired.json, "unique": traits.contains(.unique).json, "sensitive": isSensitive.json,
            "readOnly": traits.contains(.readOnly).json, "sortable": isSortable.json,
            "filterable": isFilterable.json, "importable": isImportable.json, "inEvents": isInEvents.json,
            "help": help.json,
        ]
        switch type {
        case .string(let maximum), .text(let maximum): members["maxLength"] = maximum.json
        case .integer(let range):
            members["minimum"] = range.lowerBound.json
            members["maximum"] = range.upperBound.json
        case .decimal(let range, let digits):
            members["minimum"] = range.lowerBound.json
            members["maximum"] = range.upperBound.json
            members["digits"] = digits.json
        case .choice(let choices): members["choices"] = .array(choices.map(\.json))
        case .list(.choice(let choices), let maximum):
            members["choices"] = .array(choices.map(\.json))
            members["maxItems"] = maximum.json
        case .list(let element, let maximum):
            members["items"] = element.name.json
            members["maxItems"] = maximum.json
        case .reference(let entity): members["entity"] = entity.json
        default: break
        }
        return .object(members)
    }
}

extension Choice: JSONRepresentable {
    public var json: JSON { ["value": value.json, "labels": ["zh": zh.json, "en": en.json]] }
}

extension FieldDefinition {
    /// The schema of a custom field's definition, as `PUT …/custom-fields/{name}` takes it.
    public static let customSchema = ObjectSchema(
        "CustomField",
        [
            FieldDefinition("name", .string(max: 40), zh: "名称", en: "Name", .required),
            FieldDefinition(
                "type", .choice(customTypes.map { Choice($0, zh: $0, en: $0) }), zh: "类型", en: "Type", .required),
            FieldDefinition("labels", .object(labels), zh: "标签", en: "Labels", .required),
            FieldDefinition("required", .boolean, zh: "必填", en: "Required"),
            FieldDefinition("sensitive", .boolean, zh: "敏感", en: "Sensitive"),
            FieldDefinition("help", .string(max: 500), zh: "说明", en: "Help"),
            FieldDefinition("maxLength", .integer(1...10_000), zh: "最大长度", en: "Longest text"),
            FieldDefinition("minimum", .decimal(-1e15...1e15, digits: 6), zh: "最小值", en: "Smallest number"),
            FieldDefinition("maximum", .decimal(-1e15...1e15, digits: 6), zh: "最大值", en: "Largest number"),
            FieldDefinition("choices", .list(.object(choice), max: 200), zh: "选项", en: "Choices"),
        ])

    private static let labels = ObjectSchema(
        "Labels",
        [
            FieldDefinition("zh", .string(max: 60), zh: "中文", en: "Chinese", .required),
            FieldDefinition("en", .string(max: 60), zh: "英文", en: "English", .required),
        ])

    private static let choice = ObjectSchema(
        "Choice",
        [
            FieldDefinition("value", .string(max: 60), zh: "值", en: "Value", .required),
            FieldDefinition("labels", .object(labels), zh: "标签", en: "Labels", .required),
        ])

    static let customTypes = [
        "string", "text", "integer", "decimal", "boolean", "money", "date", "timestamp", "choice", "choices", "email",
        "phone", "url",
    ]

    /// A custom field from its definition as sent or stored.
    public init(custom json: JSON) throws(ValidationFailure) {
        let given = try FieldDefinition.customSchema.validate(create: json)
        let name = given.value("name", as: String.self) ?? ""
        guard name.utf8.first.map({ (97...122).contains($0) }) == true,
            name.utf8.allSatisfy({ (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) })
        else {
            throw ValidationFailure([
                FieldIssue(
                    "/name", "invalidName", "Begin with a small letter and use only letters and digits, like roofArea.",
                    zh: "名称须以小写字母开头，只含字母和数字，例如 roofArea。")
            ])
        }
        var traits: FieldTraits = []
        if given.value("required", as: Bool.self) == true { traits.insert(.required) }
        if given.value("sensitive", as: Bool.self) == true { traits.insert(.sensitive) }
        let labels = given["labels"]?.json
        self.init(
            name, try FieldDefinition.customType(given), zh: labels?["zh"]?.string ?? name,
            en: labels?["en"]?.string ?? name, traits, help: given.value("help"))
    }

    private static func customType(_ given: FieldChanges) throws(ValidationFailure) -> FieldType {
        let length = given.value("maxLength", as: Int.self)
        let low = given.value("minimum", as: Double.self)
        let high = given.value("maximum", as: Double.self)
        if let low, let high, low > high {
            throw ValidationFailure([
                FieldIssue("/minimum", "outOfRange", "The minimum is above the maximum.", zh: "最小值大于最大值。")
            ])
        }
        let choices = (given["choices"]?.json.array ?? []).map { choice in
            Choice(
                choice["value"]?.string ?? "", zh: choice["labels"]?["zh"]?.string ?? "",
                en: choice["labels"]?["en"]?.string ?? "")
        }
        let type = given.value("type", as: String.self) ?? ""
        if type.hasPrefix("choice"), choices.isEmpty || Set(choices.map(\.value)).count < choices.count {
            throw ValidationFailure([
                FieldIssue(
                    "/choices", "required", "Give at least one choice, each value once.", zh: "请至少给出一个选项，且选项值不得重复。")
            ])
        }
        switch type {
        case "text": return .text(max: length ?? 10_000)
        case "integer": return .integer(Int64(low ?? -1e15)...max(Int64(low ?? -1e15), Int64(high ?? 1e15)))
        case "decimal": return .decimal((low ?? -1e15)...max(low ?? -1e15, high ?? 1e15), digits: 6)
        case "boolean": return .boolean
        case "money": return .money(allowNegative: true)
        case "date": return .date
        case "timestamp": return .timestamp
        case "choice": return .choice(choices)
        case "choices": return .list(.choice(choices), max: choices.count)
        case "email": return .email
        case "phone": return .phone
        case "url": return .url
        default: return .string(max: length ?? 200)
        }
    }
}
