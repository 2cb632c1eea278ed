namespace InvFusion.Cli;

/// <summary>Exit codes of the program.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int Configuration = 3;
    public const int Data = 4;
    public const int Native = 5;
    public const int Diverged = 6;
    public const int Cancelled = 130;

    /// <summary>The code that an error ends the program with.</summary>
    public static int Of(Exception error) =>
        error switch
        {
            UsageException => Usage,
            ConfigurationException => Configuration,
            DataFormatException => Data,
            NativeRuntimeException => Native,
            DivergenceException => Diverged,
            OperationCanceledException => Cancelled,
            IOException or UnauthorizedAccessException => Data,
            _ => Failure,
        };
}
