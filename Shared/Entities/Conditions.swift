import JSON
import Values

// Conditions of rules as JSON:
// {"all": [{"field": "region", "op": "eq", "value": ["浙江", "上海"]}, {"not": {"field": "size", "op": "lt", "value": 50}}]}

extension ObjectSchema {
    /// How deep conditions may nest and how many comparisons one may have.
    static let conditionBounds = (depth: 8, comparisons: 200)

    /// A condition as sent or stored; throws every issue at once. An empty object is true of everything.
    public func condition(
        _ json: JSON, custom: CustomFields = .none, context: TextContext, at path: JSONPointer = JSONPointer()
    ) throws(ValidationFailure) -> Filter {
        var count = 0
        return try condition(json, custom, context, path, depth: 1, &count)
    }

    private func condition(
        _ json: JSON, _ custom: CustomFields, _ context: TextContext, _ path: JSONPointer, depth: Int,
        _ count: inout Int
    ) throws(ValidationFailure) -> Filter {
        count += 1
        guard case .object(let members) = json else {
            throw ValidationFailure([.wrongType(path, wanted: ("an object", "对象"), got: json)])
        }
        guard depth <= ObjectSchema.conditionBounds.depth, count <= ObjectSchema.conditionBounds.comparisons else {
            throw ValidationFailure([
                FieldIssue(path, "tooMany", "This condition is too large: simplify it.", zh: "条件过于复杂，请简化。")
            ])
        }
        if members.isEmpty { return .everything }
        if members.contains("field") { return try comparison(members, custom, context, path) }
        guard members.count == 1, ["all", "any", "not"].contains(members[0].name) else {
            throw ValidationFailure([
                FieldIssue(
                    path, "invalidCondition",
                    "Write {\"field\", \"op\", \"value\"}, {\"all\": […]}, {\"any\": […]} or {\"not\": {…}}.",
                    zh: "请写 {\"field\", \"op\", \"value\"}、{\"all\": […]}、{\"any\": […]} 或 {\"not\": {…}}。")
            ])
        }
        let (word, operand) = (members[0].name, members[0].value)
        if word == "not" {
            return .not(try condition(operand, custom, context, path / word, depth: depth + 1, &count))
        }
        guard case .array(let parts) = operand else {
            throw ValidationFailure([.wrongType(path / word, wanted: ("an array", "数组"), got: operand)])
        }
        var filters: [Filter] = []
        var issues: [FieldIssue] = []
        for (index, part) in parts.enumerated() {
            do throws(ValidationFailure) {
                filters.append(try condition(part, custom, context, path / word / index, depth: depth + 1, &count))
            } catch { issues += error.issues }
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        return word == "all" ? .all(filters) : .any(filters)
    }

    /// `{"field": "size", "op": "gte", "value": 50}`; `op` is `eq` when left out, `value` may be an array for `eq`, `ne`.
    private func comparison(
        _ members: JSONObject, _ custom: CustomFields, _ context: TextContext, _ path: JSONPointer
    ) throws(ValidationFailure) -> Filter {
        if let unknown = members.names.first(where: { !["field", "op", "value"].contains($0) }) {
            throw ValidationFailure([.unknown(path / unknown, unknown, known: ["field", "op", "value"])])
        }
        let name = members["field"]?.string ?? ""
        guard let field = reference(name, custom: custom) else {
            throw ValidationFailure([.unknown(path / "field", name, known: fields.map(\.name))])
        }
        guard field.definition.isFilterable else {
            throw ValidationFailure([
                FieldIssue(path / "field", "notFilterable", "Rules cannot ask for this.", zh: "规则不能使用此字段。")
            ])
        }
        let word = members["op"]?.string ?? (members.contains("op") ? "" : "eq")
        guard let op = Operator(rawValue: word) else {
            throw ValidationFailure([
                FieldIssue(
                    path / "op", "unsupportedOperator", "Write one of: \(Operator.words).", zh: "可用：\(Operator.words)。")
            ])
        }
        let value = members["value"] ?? .null
        let texts: [JSON] = if case .array(let several) = value { several } else { [value] }
        return .field(field, try comparison(field, op, texts, path / "value", context))
    }

    private func comparison(
        _ field: FieldReference, _ op: Operator, _ values: [JSON], _ path: JSONPointer, _ context: TextContext
    ) throws(ValidationFailure) -> Comparison {
        switch (op, values.first) {
        case (.isNull, let flag):
            guard let flag = flag?.bool ?? (flag == .null ? true : nil), values.count == 1 else {
                throw ValidationFailure([
                    .wrongType(path, wanted: ("true or false", "true 或 false"), got: .array(values))
                ])
            }
            return .isNull(flag)
        case (.contains, .string(let text)?) where values.count == 1,
            (.startsWith, .string(let text)?) where values.count == 1:
            return try field.textComparison(op, text, at: path)
        case (_, .string?) where values.allSatisfy { $0.string.flatMap(CalendarDate.init(_:)) != nil }:
            return try field.comparison(op, values.compactMap(\.string), at: path, context)
        default:
            var read: [FieldValue] = []
            for (index, value) in values.enumerated() {
                let place = values.count == 1 ? path : path / index
                guard !value.isNull else { throw ValidationFailure([.required(place)]) }
                read.append(try field.definition.comparable.read(value, at: place, .strict))
            }
            guard !read.isEmpty else { throw ValidationFailure([.required(path)]) }
            return try field.valueComparison(op, read, at: path)
        }
    }
}
