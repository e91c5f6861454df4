import JSON

extension OpenAPI {
    /// One document from those of several services.
    ///
    /// - Parameter roles: the roles that have a permission, written as `x-roles` beside `x-permission`.
    /// - Throws: ``RouteConflict`` when two documents declare the same operation, operation id, or a schema name with
    ///   another content.
    public static func merge(
        _ documents: [JSON], info: Info, roles: (Permission) -> [String] = { _ in [] }
    ) throws(RouteConflict) -> JSON {
        var paths: [String: JSONObject] = [:]
        var schemas = SchemaSet()
        var operations: [String: String] = [:]
        for document in documents {
            for (name, definition) in document["components"]?["schemas"]?.object ?? [:] {
                try schemas.insert(Schema(name, definition))
            }
            for (path, item) in document["paths"]?.object ?? [:] {
                for (method, operation) in item.object ?? [:] {
                    let place = "\(method.uppercased()) \(path)"
                    if let id = operation["operationId"]?.string, let other = operations.updateValue(place, forKey: id)
                    {
                        throw RouteConflict("The operation id \(id) is used for both \(other) and \(place).")
                    }
                    guard paths[path]?[method] == nil else { throw RouteConflict("\(place) is declared twice.") }
                    paths[path, default: [:]][method] = withRoles(operation, roles)
                }
            }
        }
        return document(
            info, JSONObject(paths.sorted { $0.key < $1.key }.map { ($0.key, .object($0.value)) }), schemas.json)
    }

    private static func withRoles(_ operation: JSON, _ roles: (Permission) -> [String]) -> JSON {
        guard let permission = operation["x-permission"]?.string else { return operation }
        let names = roles(Permission(permission))
        guard !names.isEmpty else { return operation }
        var operation = operation
        operation["x-roles"] = .array(names.map { .string($0) })
        return operation
    }

    /// What is wrong with a document: references to schemas that are not there, path parameters that do not fit the
    /// path, operations without an id or a response. Empty for a sound document.
    public static func faults(of document: JSON) -> [String] {
        let schemas = Set(document["components"]?["schemas"]?.object?.names ?? [])
        var faults: [String] = []
        for name in references(in: document) where !schemas.contains(name) {
            faults.append("The schema \(name) is referred to but not defined.")
        }
        for (path, item) in document["paths"]?.object ?? [:] {
            let inPath = Set(
                path.split(separator: "/").filter { $0.first == "{" }.map { String($0.dropFirst().dropLast()) })
            for (method, operation) in item.object ?? [:] {
                let place = "\(method.uppercased()) \(path)"
                let declared = (operation["parameters"]?.array ?? [])
                    .filter { $0["in"] == "path" }.compactMap { $0["name"]?.string }
                if Set(declared) != inPath { faults.append("\(place): its path parameters are not those declared.") }
                if operation["operationId"]?.string == nil { faults.append("\(place) has no operationId.") }
                if operation["responses"]?.object?.isEmpty != false { faults.append("\(place) has no response.") }
            }
        }
        return faults
    }

    private static func references(in value: JSON) -> Set<String> {
        switch value {
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(references(in: $1)) }
        case .object(let members):
            members.reduce(into: []) { found, member in
                if member.name == "$ref", let target = member.value.string {
                    found.insert(target.replacing("#/components/schemas/", with: ""))
                } else {
                    found.formUnion(references(in: member.value))
                }
            }
        default: []
        }
    }
}
