using Spectre.Console;

namespace OrleansGeo.Api.Demo;

/// <summary>Talks to the user: with tables and bars on a terminal, in plain lines into anything else.</summary>
public abstract class DemoOutput
{
    /// <summary>The one that fits standard output.</summary>
    public static DemoOutput ForConsole() => Console.IsOutputRedirected ? new Plain(Console.Out) : new Terminal();

    /// <summary>One that writes plain lines.</summary>
    public static DemoOutput ForWriter(TextWriter writer) => new Plain(writer);

    /// <summary>Prints a line.</summary>
    public abstract void Line(string text = "");

    /// <summary>Prints a table.</summary>
    public abstract void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows);

    /// <summary>Shows how far some work is, of a total; the work says how much it has done more.</summary>
    public abstract Task ProgressAsync(string title, int total, Func<Action<int>, Task> work);

    private sealed class Plain(TextWriter writer) : DemoOutput
    {
        private readonly Lock _lock = new();

        public override void Line(string text = "")
        {
            lock (_lock)
            {
                writer.WriteLine(text);
                writer.Flush();
            }
        }

        public override void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
        {
            var all = new List<IReadOnlyList<string>> { columns };
            all.AddRange(rows);
            var widths = columns.Select((_, i) => all.Max(row => row[i].Length)).ToArray();
            foreach (var row in all)
            {
                Line("  " + string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
            }
        }

        public override async Task ProgressAsync(string title, int total, Func<Action<int>, Task> work)
        {
            var (done, told) = (0, 0);
            await work(more =>
            {
                lock (_lock)
                {
                    done += more;
                    var tenth = total == 0 ? 10 : done * 10 / total;
                    if (tenth > told)
                    {
                        told = tenth;
                        writer.WriteLine($"  {title}: {done} of {total}");
                        writer.Flush();
                    }
                }
            });
        }
    }

    private sealed class Terminal : DemoOutput
    {
        // Never wrapped: a line that is to be pasted must stay one.
        public override void Line(string text = "") => Console.Out.WriteLine(text);

        public override void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
        {
            var table = new Table().Border(TableBorder.Rounded);
            foreach (var column in columns)
            {
                table.AddColumn(new TableColumn(Markup.Escape(column)).NoWrap());
            }

            foreach (var row in rows)
            {
                table.AddRow([.. row.Select(Markup.Escape)]);
            }

            AnsiConsole.Write(table);
        }

        public override Task ProgressAsync(string title, int total, Func<Action<int>, Task> work) =>
            AnsiConsole.Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
                .StartAsync(async progress =>
                {
                    var task = progress.AddTask(Markup.Escape(title), maxValue: total);
                    await work(more => task.Increment(more));
                });
    }
}
