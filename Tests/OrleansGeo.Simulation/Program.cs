using System.Globalization;
using OrleansGeo.Simulation;
using OrleansGeo.Simulation.Checkers;

// The simulator by hand: many seeds, or one seed looked at closely. Exit code 1 when a seed failed.
var seeds = 100;
var from = 1UL;
var show = false;
var transactions = false;
string? bug = null;
string? folder = null;
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--seeds" when i + 1 < args.Length:
            seeds = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--from" when i + 1 < args.Length:
            from = ulong.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--bug" when i + 1 < args.Length:
            bug = args[++i];
            break;
        case "--history" when i + 1 < args.Length:
            folder = args[++i];
            break;
        case "--transactions":
            transactions = true;
            break;
        case "--show":
            show = true;
            break;
        default:
            Console.Error.WriteLine(
                $"'{args[i]}' is not understood. "
                + "Usage: sim [--seeds N] [--from S] [--transactions] [--bug NAME] [--show] [--history FOLDER]");
            return 2;
    }
}

if (bug == "all")
{
    foreach (var name in transactions ? PlantedBugs.OfTransactions.Concat(PlantedBugs.OfOpenTransactions) : PlantedBugs.All)
    {
        var first = SeedRunner.FirstFailure(from, seeds, name, transactions);
        Console.WriteLine(first is null
            ? $"{name}: not caught by {seeds} seeds"
            : $"{name}: caught by seed {first.Seed}: {first.Failure!.Split('\n')[0]}");
    }

    return 0;
}

var failed = 0;
var clock = System.Diagnostics.Stopwatch.StartNew();
SeedRunner.Run(from, seeds, bug, result =>
{
    if (result.Failure is not null)
    {
        failed++;
        var planted = (transactions ? " --transactions" : "") + (bug is null ? "" : " --bug " + bug);
        Console.WriteLine($"seed {result.Seed} FAILED\n{result.Failure}\nreplay: ./geo sim --seeds 1 --from {result.Seed}{planted}");
    }

    if (folder is not null)
    {
        Directory.CreateDirectory(folder);
        using var lines = new StreamWriter(Path.Combine(folder, $"{result.Seed}.jsonl"));
        HistoryExport.WriteJsonLines(result.Run.History, lines);
        File.WriteAllLines(Path.Combine(folder, $"{result.Seed}.final"), result.Run.DescribeFinalState());
        using var edn = new StreamWriter(Path.Combine(folder, $"{result.Seed}.edn"));
        HistoryExport.WriteEdn(result.Run.History, edn);
    }

    if (show)
    {
        Console.WriteLine(
            $"seed {result.Seed}: {result.Operations} operations, {result.Served} served, {result.Events} events, "
            + $"{result.VirtualMicros / 1_000_000.0:F1} s virtual, digest {result.Digest:x16}");
        Console.WriteLine(result.Run.Plan);
    }
}, transactions: transactions);
Console.WriteLine($"{seeds} seeds, {failed} failed, {clock.Elapsed.TotalSeconds:F1} s");
return failed == 0 ? 0 : 1;
