using System.Text;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api;

/// <summary>Requests that nobody would mean: valid ones damaged, and noise. The seed decides all of it.</summary>
public sealed class Nonsense(ulong seed)
{
    private static readonly string[] s_methods = ["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE", "FROB"];

    // Method, path, number of the body that fits (-1: none).
    private static readonly (string Method, string Path, int Body)[] s_valid =
    [
        ("GET", "/v1/databases", -1), ("POST", "/v1/databases", 0), ("GET", "/v1/databases/geo", -1), ("DELETE", "/v1/databases/db", -1),
        ("GET", "/v1/databases/geo/tables", -1), ("POST", "/v1/databases/geo/tables", 1), ("PATCH", "/v1/databases/geo/tables/pair", 2),
        ("GET", "/v1/databases/geo/tables/city", -1), ("DELETE", "/v1/databases/geo/tables/t", -1),
        ("GET", "/v1/databases/geo/tables/city/rows", -1), ("GET", "/v1/databases/geo/tables/pair/rows", -1),
        ("GET", "/v1/databases/geo/tables/city/rows/Oslo", -1), ("PUT", "/v1/databases/geo/tables/city/rows/Oslo", 3),
        ("PATCH", "/v1/databases/geo/tables/city/rows/Oslo", 3), ("DELETE", "/v1/databases/geo/tables/city/rows/Oslo", -1),
        ("PUT", "/v1/databases/geo/tables/pair/rows/x/1", 4), ("POST", "/v1/databases/geo/tables/pair/rows", 4),
        ("POST", "/v1/databases/geo/tables/pair/rows:batch", 5), ("POST", "/v1/databases/geo/transactions", 8),
        ("POST", "/v1/databases/geo/transactions/begin", 9), ("POST", "/v1/databases/geo/transactions/t1/read", 10),
        ("POST", "/v1/databases/geo/transactions/t1/write", 5), ("POST", "/v1/databases/geo/transactions/t1/savepoint", 11),
        ("POST", "/v1/databases/geo/transactions/t1/rollback", 12), ("POST", "/v1/databases/geo/transactions/t1/commit", -1),
        ("GET", "/v1/databases/geo/transactions/t1/tables/city/rows", -1),
        ("POST", "/v1/ranges/3/split", 6),
        ("POST", "/v1/ranges/3/transfer-leader", 7), ("GET", "/v1/cluster", -1), ("GET", "/v1/nodes", -1), ("GET", "/v1/ranges", -1),
        ("GET", "/v1/latencies", -1), ("GET", "/readyz", -1),
    ];

    private static readonly string[] s_bodies =
    [
        """{"name":"db","primaryRegion":"us-east1","regions":["us-east1"],"survive":"zone","placement":"default","secondaryRegion":null}""",
        """
        {"name":"t","columns":[{"name":"k","type":"uuid","default":"gen_random_uuid()"},{"name":"v","type":"json","nullable":true,
         "default":{"a":[1]}}],"primaryKey":["k"],"locality":{"type":"regional","region":"primary"},"survive":"region"}
        """,
        """{"addColumns":[{"name":"x","type":"int64","default":1}]}""",
        """
        {"pop":1,"area":1.5,"price":"12.50","capital":true,"id":"123e4567-e89b-12d3-a456-426614174000","founded":"1048-01-01T00:00:00Z",
         "crest":"AQI=","doc":{"a":[{"b":null}]},"state":"x"}
        """,
        """{"a":"x","b":1,"v":"\ud83d\uddfa"}""",
        """
        {"writes":[{"op":"put","key":["x",1],"row":{"v":"n"}},{"op":"delete","key":["x",2],"ifMatch":"*"},
                   {"op":"insert","row":{"a":"q","b":1},"ifNoneMatch":"\"1.00000\""}]}
        """,
        """{"at":["Oslo"]}""",
        """{"node":"n2"}""",
        """
        {"isolation":"serializable","reads":[{"table":"city","key":["Oslo"]}],
         "conditions":[{"table":"pair","key":["x",1],"exists":false},{"table":"city","key":["Oslo"],"field":"pop","op":">=","value":1}],
         "writes":[{"op":"put","table":"pair","key":["x",1],"row":{"v":"n"}},
                   {"op":"increment","table":"city","key":["Oslo"],"field":"pop","by":-1}]}
        """,
        """{"isolation":"strict","readOnly":true,"asOf":null,"idleTimeoutMs":1000}""",
        """{"reads":[{"table":"city","key":["Oslo"]}]}""",
        """{"name":"here"}""",
        """{"to":"here"}""",
    ];

    private static readonly string[] s_headers =
    [
        "Geo-Timeout-Ms: 100", "Geo-Consistency: strong", "Geo-Consistency: bounded;max-ms=100;local-only", "Geo-Consistency: exact;ms=50",
        "Geo-Consistency: at;ts=2025-11-21T00:00:00Z", "Geo-Consistency: at;ts=1763704800000.00001", "Geo-Session: abc",
        "Idempotency-Key: k1",
        "If-Match: \"1763704800000.00001\"", "If-None-Match: *", "If-Match: W/\"x\", \"y\"", "Accept: application/json",
        "Accept: text/html;q=0.1",
        "Content-Type: application/json; charset=utf-8", "Content-Type: text/plain", "Geo-Rtt: 1", "If-Unmodified-Since: yesterday",
    ];

    private static readonly string[] s_queries =
    [
        "limit=10", "page=abc", "prefix=x", "from=x,1", "to='a''b'", "where=pop>1", "where=b!=2,v='x'", "order=desc", "index=i",
        "region=us-east1", "table=geo.city",
        "limit=0", "x", "=", "%zz=1", "limit=1&limit=2",
    ];

    private static readonly string[] s_values =
    [
        "null", "true", "[]", "{}", "\"\"", "-0", "1e999", "1e400", "123456789012345678901234567890", "0.1e-400", "\"\\ud800\"",
        "\"\\u0000\"", "[[[[]]]]",
        "{\"a\":1,\"a\":2}", "\"NaN\"", "\"2025-13-01T00:00:00Z\"", "\"9999-12-31T23:59:59.999999999-23:59\"", "NaN", "'x'", "1.",
        "\"\uffff\"",
        "{\"\\ud800\":1}", "\"us-east1\"", "\"gen_random_uuid()\"", "\"=\"", "18446744073709551616",
    ];

    private static readonly string[] s_names = ["", "a", "name", "pop", "row", "key", "\\ud800", "\\u0000", "type", "Name", "é"];

    private readonly Prng _random = new(seed);

    /// <summary>A request of this seed.</summary>
    public (string Method, string Target, byte[]? Body, (string Name, string Value)[] Headers) Next()
    {
        var (method, target, body) = Pick(s_valid);
        method = _random.Chance(0.05) ? Pick(s_methods) : method;
        body = _random.Chance(0.05) ? _random.Below(s_bodies.Length) : body;
        target = _random.Chance(0.15) ? Damage(target) : target;
        target = target.StartsWith('/') ? target : "/" + target;
        for (var i = _random.Below(4) - 1; i > 0; i--)
        {
            target += (target.Contains('?') ? "&" : "?") + (_random.Chance(0.3) ? Damage(Pick(s_queries)) : Pick(s_queries));
        }

        var headers = new List<(string, string)>();
        for (var i = _random.Below(4) - 2; i > 0; i--)
        {
            var parts = Pick(s_headers).Split(": ", 2);
            headers.Add((parts[0], _random.Chance(0.3) ? Printable(Damage(parts[1])) : parts[1]));
        }

        return (method, ToTarget(target), body < 0 ? null : Body(s_bodies[body]), [.. headers]);
    }

    /// <summary>A character of any plane, the awkward ones more often.</summary>
    public static string Character(Prng random)
    {
        const string Awkward = "/%+?#.;:&= \\\0\"'";
        var code = random.Below(4) switch
        {
            0 => Awkward[random.Below(Awkward.Length)],
            1 => random.Below(128),
            2 => random.Below(0xD800),
            _ => 0xE000 + random.Below(0x110000 - 0xE000),
        };
        return char.ConvertFromUtf32(code);
    }

    private byte[] Body(string text)
    {
        for (var i = _random.Below(4) - 1; i > 0; i--)
        {
            text = _random.Below(10) switch
            {
                0 => Damage(text),
                8 or 9 => RenameMember(text),
                1 or 5 or 6 or 7 => ReplaceValue(text),
                2 => text[.._random.Below(text.Length + 1)],
                3 => ReplaceValue(text, new string('[', _random.Below(200))),
                _ => ReplaceValue(text, new string('{', 1) + string.Concat(Enumerable.Repeat("\"a\":{", _random.Below(120)))),
            };
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length > 0 && _random.Chance(0.05))
        {
            bytes[_random.Below(bytes.Length)] = (byte)(128 + _random.Below(128));
        }

        return bytes;
    }

    // A literal begins after a colon, a comma or a bracket; what stands there is exchanged.
    private string ReplaceValue(string text, string? value = null)
    {
        var starts = Enumerable.Range(0, text.Length).Where(i => text[i] is ':' or ',' or '[').ToArray();
        if (starts.Length == 0)
        {
            return value ?? Pick(s_values);
        }

        var from = starts[_random.Below(starts.Length)] + 1;
        var to = text.IndexOfAny([',', '}', ']'], from);
        return text[..from] + (value ?? Pick(s_values)) + (to < 0 ? "" : text[to..]);
    }

    private string RenameMember(string text)
    {
        var ends = Enumerable.Range(0, text.Length).Where(i => text[i..].StartsWith("\":", StringComparison.Ordinal)).ToArray();
        if (ends.Length == 0)
        {
            return text;
        }

        var to = ends[_random.Below(ends.Length)];
        var from = to == 0 ? -1 : text.LastIndexOf('"', to - 1);
        return text[..(from + 1)] + Pick(s_names) + text[to..];
    }

    private string Damage(string text)
    {
        var at = _random.Below(text.Length + 1);
        return _random.Below(4) switch
        {
            0 => text[..at] + Character(_random) + text[at..],
            1 => text.Length == 0 ? "" : text.Remove(Math.Min(at, text.Length - 1), 1),
            2 => text[..at] + text,
            _ => text[..at] + "%" + (char)('0' + _random.Below(30)) + text[at..],
        };
    }

    // What no server would hand on: controls and half characters are rejected before any handler runs.
    private static string Printable(string text) => string.Concat(text.Select(c => c is >= ' ' and <= '~' ? c : '~'));

    private static string ToTarget(string text)
    {
        var target = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            target.Append(rune.Value is > 0x20 and < 0x7F and not '#' ? rune.ToString() : Uri.EscapeDataString(rune.ToString()));
        }

        return target.ToString();
    }

    private T Pick<T>(T[] from) => from[_random.Below(from.Length)];
}
