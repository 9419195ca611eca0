using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>
/// Reads a history from lines like those that transactions are written as, <c>client [from..to] outcome@version: operation; operation</c>.
/// A line without an end never returned.
/// </summary>
internal static class TransactionTranscript
{
    public static TransactionHistory Parse(string text) => new(text.Split('\n')
        .Select(line => line.Trim()).Where(line => line.Length > 0).Select(ParseLine));

    private static Transaction ParseLine(string line)
    {
        var (head, body) = Cut(line, ": ");
        var words = head.Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal).Split(' ');
        var (from, to) = Cut(words[1], "..");
        var (outcome, version) = Cut(words[2], "@");
        return new()
        {
            Id = 0,
            Client = Number(words[0]),
            InvokedAtMicros = Number(from),
            ReturnedAtMicros = to.Length == 0 ? Operation.Never : Number(to),
            Outcome = Enum.Parse<TransactionOutcome>(outcome, ignoreCase: true),
            CommitTimestamp = Version(version),
            Operations = [.. body.Split("; ").Select(ParseOperation)],
        };
    }

    private static MicroOperation ParseOperation(string text)
    {
        var (verb, rest) = Cut(text, " ");
        var (key, value) = Cut(rest, " ");
        switch (verb)
        {
            case "append":
                return new MicroOperation.Append(key, value);
            case "write":
                return new MicroOperation.Write(key, value);
            case "delete":
                return new MicroOperation.Write(key, null);
            case "scan":
                var (from, to) = Cut(key, "..");
                var rows = List(value, ", ").Select(row => ParseOperation("read " + row));
                return new MicroOperation.Scan(from, to, value == "?" ? null : [.. rows]);
            case "read" when value.StartsWith('['):
                return new MicroOperation.ReadList(key, value == "[?]" ? null : List(value, " "));
            default:
                var (read, version) = Cut(value, "@");
                return new MicroOperation.Read(key, read is "nothing" or "?" ? null : read, Version(version)) { IsAnswered = read != "?" };
        }
    }

    private static string[] List(string text, string separator) =>
        text[1..^1].Split(separator, StringSplitOptions.RemoveEmptyEntries);

    private static HlcTimestamp? Version(string text) =>
        text.Length == 0 ? null : HlcTimestamp.TryParse(text, out var known) ? known : HlcTimestamp.FromMillis(Number(text));

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static (string Before, string After) Cut(string text, string at)
    {
        var place = text.IndexOf(at, StringComparison.Ordinal);
        return place < 0 ? (text, "") : (text[..place], text[(place + at.Length)..]);
    }
}
