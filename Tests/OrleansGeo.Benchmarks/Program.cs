using OrleansGeo.Benchmarks;

// Every measurement of the repository that needs a quiet machine. What a run prints is markdown, to be pasted as it is.
if (BenchOptions.Parse(args, Console.Error) is not { } options)
{
    return 2;
}

try
{
    await (options.Name switch
    {
        "idle" => IdleBench.RunAsync(options),
        "bank" => BankBench.RunAsync(options),
        _ => KvBench.RunAsync(options),
    });
    return 0;
}
catch (BenchFailedException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
