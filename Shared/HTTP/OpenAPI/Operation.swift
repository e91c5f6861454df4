import JSON

extension Endpoint {
    /// Every schema the endpoint refers to.
    var schemas: [Schema] {
        [body?.schema].compactMap { $0 } + responses.compactMap(\.schema)
    }

    /// The OpenAPI operation object.
    var operation: JSON {
        var object: JSONObject = ["operationId": .string(id), "summary": .string(summary)]
        object["description"] = description.map { .string($0) }
        object["tags"] = .array(tags.map { .string($0) })
        object["x-permission"] = .string(permission.name)
        object["security"] = permission == .everyone ? [] : [["bearer": []]]
        object["parameters"] = .array(parameterObjects)
        object["requestBody"] = body?.json
        object["responses"] = .object(responseObjects)
        return .object(object)
    }

    private var parameterObjects: [JSON] {
        let declared = Set(parameters.filter { $0.place == .path }.map(\.name))
        let undeclared = path.split(separator: "/").filter { $0.first == "{" }
            .map { String($0.dropFirst().dropLast()) }.filter { !declared.contains($0) }
            .map { Parameter.path($0, "", schema: ["type": "string"]) }
        var objects = (undeclared + parameters).map(\.json)
        if case .filters(let description) = query {
            objects.append([
                "name": "filters", "in": "query", "description": .string(description), "required": false,
                "style": "form", "explode": true,
                "schema": ["type": "object", "additionalProperties": ["type": "string"]],
            ])
        }
        return objects
    }

    /// The declared answers, and under each error's status the codes that may be meant.
    private var responseObjects: JSONObject {
        var object: JSONObject = [:]
        for response in responses { object[String(response.status)] = response.json }
        let codes = Dictionary(grouping: Set(errors + commonErrors), by: \.status).sorted { $0.key < $1.key }
        for (status, types) in codes where object[String(status)] == nil {
            let list = types.map(\.code).sorted()
            object[String(status)] = [
                "description": .string(list.joined(separator: ", ")),
                "x-codes": .array(list.map { .string($0) }),
                "content": ["application/problem+json": ["schema": OpenAPI.problemSchema.json]],
            ]
        }
        return object
    }

    /// What the router and `Call` may answer for an endpoint of this kind.
    private var commonErrors: [ProblemType] {
        var types: [ProblemType] = [.internalError, .unavailable, .deadlineExceeded, .overloaded, .rateLimited]
        if permission != .everyone { types += [.unauthenticated, .forbidden] }
        if path.contains("{") { types += [.notFound, .malformedRequest] }
        if !parameters.isEmpty { types.append(.invalidParameter) }
        types.append(.unknownParameter)
        if body != nil { types += [.malformedJSON, .bodyTooLarge, .unsupportedMediaType, .requestTimeout] }
        return types
    }
}

extension Parameter {
    fileprivate var json: JSON {
        [
            "name": .string(name), "in": .string(place.rawValue), "description": .string(description),
            "required": .bool(required), "schema": schema,
        ]
    }
}

extension RequestBody {
    fileprivate var json: JSON {
        var media: JSONObject = ["schema": schema.json]
        media["example"] = example
        return [
            "required": .bool(required),
            "content": .object(JSONObject(mediaTypes.map { ($0, .object(media)) })),
            "x-maxBytes": .int(Int64(limit)),
        ]
    }
}

extension ResponseSpec {
    fileprivate var json: JSON {
        var object: JSONObject = ["description": .string(description)]
        if !headers.isEmpty {
            object["headers"] = .object(
                JSONObject(
                    headers.sorted { $0.key < $1.key }.map { name, meaning in
                        (name, ["description": .string(meaning), "schema": ["type": "string"]])
                    }))
        }
        if let schema {
            var media: JSONObject = ["schema": schema.json]
            media["example"] = example
            object["content"] = [mediaType: .object(media)]
        }
        return .object(object)
    }
}
