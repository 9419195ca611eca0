using System.Globalization;
using System.Text;

namespace OrleansGeo.Simulation.Checkers;

/// <summary>Something a client began and that may have ended, as an entry of a history in EDN.</summary>
/// <param name="Id">Its place in the history.</param>
/// <param name="Client">The client, which does one thing at a time.</param>
/// <param name="InvokedAtMicros">When it began.</param>
/// <param name="ReturnedAtMicros">When it ended, or <see cref="Operation.Never"/>.</param>
/// <param name="AnswerType">What its end is: <c>:ok</c>, <c>:fail</c> or <c>:info</c>.</param>
/// <param name="Error">What more its end says, or nothing.</param>
internal sealed record EdnEntry(int Id, int Client, long InvokedAtMicros, long ReturnedAtMicros, string AnswerType, string Error = "");

/// <summary>Writes histories as Jepsen does: an EDN map for each beginning and each end, one a line.</summary>
internal static class EdnEvents
{
    /// <summary>Writes the events; the body is for an entry of this id, and whether it is its end.</summary>
    public static void Write(IReadOnlyList<EdnEntry> entries, TextWriter output, Func<int, bool, string> body)
    {
        var processes = new Dictionary<int, int>();
        var step = entries.Select(entry => entry.Client).DefaultIfEmpty(0).Max() + 1;
        var index = 0;
        foreach (var (entry, isAnswer) in InOrder(entries))
        {
            var process = processes.GetValueOrDefault(entry.Client, entry.Client);
            var type = isAnswer ? entry.AnswerType : ":invoke";
            var time = (isAnswer ? entry.ReturnedAtMicros : entry.InvokedAtMicros) * 1000;
            var error = isAnswer ? entry.Error : "";
            output.Write($"{{:index {index++}, :process {process}, :type {type}, {body(entry.Id, isAnswer)}, :time {time}{error}}}\n");
            if (type == ":info")
            {
                processes[entry.Client] = process + step;
            }
        }
    }

    /// <summary>A value: nothing, a whole number or a string.</summary>
    public static string Quote(string? value)
    {
        if (value is null)
        {
            return "nil";
        }

        // Numbers stay numbers: models of registers in other checkers expect them.
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && value == number.ToString())
        {
            return value;
        }

        var text = new StringBuilder("\"");
        foreach (var c in value)
        {
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => @"\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }

        return text.Append('"').ToString();
    }

    // At one moment questions come before answers, which only adds overlap; but a client's answer comes before its own next question.
    private static IEnumerable<(EdnEntry Entry, bool IsAnswer)> InOrder(IReadOnlyList<EdnEntry> entries)
    {
        var events = new List<(long At, int Phase, EdnEntry Entry, bool IsAnswer)>();
        foreach (var client in entries.GroupBy(entry => entry.Client))
        {
            var (lastAt, phase) = (long.MinValue, 0);
            foreach (var (at, entry, isAnswer) in client.OrderBy(entry => entry.Id).SelectMany(BothEnds))
            {
                phase = at == lastAt ? phase + 1 : isAnswer ? 1 : 0;
                lastAt = at;
                events.Add((at, phase, entry, isAnswer));
            }
        }

        return events.OrderBy(entry => entry.At).ThenBy(entry => entry.Phase).ThenBy(entry => entry.Entry.Id)
            .Select(entry => (entry.Entry, entry.IsAnswer));
    }

    private static IEnumerable<(long At, EdnEntry Entry, bool IsAnswer)> BothEnds(EdnEntry entry)
    {
        yield return (entry.InvokedAtMicros, entry, false);
        if (entry.ReturnedAtMicros != Operation.Never)
        {
            yield return (entry.ReturnedAtMicros, entry, true);
        }
    }
}
