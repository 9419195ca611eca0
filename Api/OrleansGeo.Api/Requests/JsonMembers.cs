using System.Collections.Immutable;
using System.Text.Json;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// The members of a JSON object, read strictly: a member that nobody asked for, given twice, missing or of the wrong type is refused by its
/// path. The first refusal stays; what is read after it is of no use, so callers look at <see cref="Finish"/> once, at the end.
/// </summary>
public sealed class JsonMembers
{
    private readonly List<(string Name, JsonElement Value, bool Taken)> _members = [];
    private readonly string _path;

    /// <summary>Reads the members of an object at a path; the empty path is the body.</summary>
    public JsonMembers(JsonElement element, string path = "")
    {
        _path = path;
        if (element.ValueKind != JsonValueKind.Object)
        {
            Error = WrongType(path.Length == 0 ? "body" : path, "an object", element);
            return;
        }

        foreach (var property in element.EnumerateObject())
        {
            if (!TryName(property, out var name))
            {
                Refuse(Refusal.Malformed(path.Length == 0 ? "body" : path, "bad-text", "A member's name has half a surrogate pair."));
            }
            else if (IndexOf(name) >= 0)
            {
                Refuse(Refusal.Wrong(PathOf(name), "duplicate-member", $"'{PathOf(name)}' is given twice."));
            }
            else
            {
                _members.Add((name, property.Value, false));
            }
        }
    }

    /// <summary>The first refusal.</summary>
    public GeoError? Error { get; private set; }

    /// <summary>Where the object stands; the empty path is the body.</summary>
    public string Path => _path;

    /// <summary>The path of a member.</summary>
    public string PathOf(string name) => _path.Length == 0 ? name : $"{_path}.{name}";

    /// <summary>Keeps a refusal, unless there is one.</summary>
    public void Refuse(GeoError? error) => Error ??= error;

    /// <summary>The name of a member; false when it is no Unicode text.</summary>
    public static bool TryName(JsonProperty property, out string name)
    {
        try
        {
            name = property.Name;
            return DatumText.IsWellFormed(name);
        }
        catch (InvalidOperationException)
        {
            // What the reader throws for an escaped half of a surrogate pair.
            name = "";
            return false;
        }
    }

    /// <summary>A member as it is; null when it is missing or null.</summary>
    public JsonElement? Element(string name, bool required = false)
    {
        var at = IndexOf(name);
        if (at >= 0)
        {
            _members[at] = _members[at] with { Taken = true };
            if (_members[at].Value.ValueKind != JsonValueKind.Null)
            {
                return _members[at].Value;
            }
        }

        if (required)
        {
            Refuse(Refusal.Wrong(PathOf(name), "missing-member", $"'{PathOf(name)}' is missing."));
        }

        return null;
    }

    /// <summary>True when a member is given, and not null.</summary>
    public bool Has(string name) => IndexOf(name) is >= 0 and var at && _members[at].Value.ValueKind != JsonValueKind.Null;

    /// <summary>Text; null when it is missing or null.</summary>
    public string? Text(string name, bool required = false) => Element(name, required) is { } value ? ToText(value, PathOf(name)) : null;

    /// <summary>A member of an earlier refusal's worth: understood by the design of the API, and not offered.</summary>
    public void NotSupported(string name, string detail)
    {
        if (Element(name) is not null)
        {
            Refuse(Refusal.NotSupported(PathOf(name), detail));
        }
    }

    /// <summary>True or false.</summary>
    public bool? Flag(string name)
    {
        if (Element(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            Refuse(WrongType(PathOf(name), "true or false", value));
        }

        return value.ValueKind == JsonValueKind.True;
    }

    /// <summary>One of some words.</summary>
    public T? Choice<T>(string name, params (string Word, T Value)[] choices)
        where T : struct
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        foreach (var (word, value) in choices)
        {
            if (string.Equals(word, text, StringComparison.Ordinal))
            {
                return value;
            }
        }

        var words = string.Join(", ", choices.Select(static choice => choice.Word));
        Refuse(Refusal.Wrong(PathOf(name), "unknown-value", $"'{PathOf(name)}' is one of {words}, not {DatumText.Quote(text)}."));
        return null;
    }

    /// <summary>The elements of a list with their paths; empty when it is missing.</summary>
    public IReadOnlyList<(JsonElement Value, string Path)> Items(string name, bool required = false)
    {
        if (Element(name, required) is not { } list)
        {
            return [];
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            Refuse(WrongType(PathOf(name), "a list", list));
            return [];
        }

        return [.. list.EnumerateArray().Select((value, i) => (value, $"{PathOf(name)}[{i}]"))];
    }

    /// <summary>A list of texts.</summary>
    public ImmutableArray<string> Texts(string name, bool required = false) =>
        [.. Items(name, required).Select(item => ToText(item.Value, item.Path) ?? "")];

    /// <summary>The first refusal, or that a member is left which nobody asked for; null when all is well.</summary>
    public GeoError? Finish()
    {
        foreach (var (name, _, taken) in _members)
        {
            if (!taken)
            {
                Refuse(Refusal.Wrong(PathOf(name), "unknown-member", $"'{PathOf(name)}' is not known here."));
            }
        }

        return Error;
    }

    /// <summary>The refusal of a value of the wrong JSON type.</summary>
    public static GeoError WrongType(string path, string expected, JsonElement got) =>
        Refusal.Wrong(path, "wrong-type", $"'{path}': expected {expected}, got {KindName(got.ValueKind)}.");

    private string? ToText(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            Refuse(WrongType(path, "a string", value));
            return null;
        }

        if (DatumJson.TryRead(DatumType.String, value, out var text, out var why))
        {
            return text.AsString();
        }

        Refuse(Refusal.Wrong(path, "bad-text", $"'{path}': {why}."));
        return null;
    }

    private int IndexOf(string name) => _members.FindIndex(member => string.Equals(member.Name, name, StringComparison.Ordinal));

    private static string KindName(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };
}
