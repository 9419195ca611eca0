using OrleansGeo.Tests.Conformance.Storage;

namespace OrleansGeo.Tests.Conformance;

/// <summary>Runs the tests, or plays the child process of a test that kills one.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is [StorageChild.Argument, var mode, var folder])
        {
            return await StorageChild.RunAsync(mode, folder);
        }

        return args.Contains("--server")
            ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(
                args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
    }
}
