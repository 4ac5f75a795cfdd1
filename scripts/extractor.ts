/**
 * What the API extractor is given, whatever is asked of it. It brings the TypeScript that it works with.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Extractor,
  ExtractorConfig,
  type ExtractorMessage,
  type IConfigFile,
} from "@microsoft/api-extractor";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs it on the declarations of which `entry` is the first; each message goes to `hear`. Throws when it finds errors. */
export function extract(
  entry: string,
  wanted: Pick<IConfigFile, "docModel" | "apiReport" | "dtsRollup">,
  hear: (message: ExtractorMessage) => void,
): void {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: join(root, "package.json"),
    packageJsonFullPath: join(root, "package.json"),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entry,
      compiler: { tsconfigFilePath: join(root, "tsconfig.json") },
      tsdocMetadata: { enabled: false },
      docModel: { enabled: false },
      apiReport: { enabled: false, reportFileName: "unused.api.md" },
      ...wanted,
    },
  });
  const messageCallback = (message: ExtractorMessage) => {
    message.handled = true;
    hear(message);
  };
  const { errorCount } = Extractor.invoke(config, { localBuild: true, messageCallback });
  if (errorCount > 0) throw new Error(`the extractor found ${errorCount} errors in ${dirname(entry)}`);
}
