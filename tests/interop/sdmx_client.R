# rsdmx asks the exchange over SDMX REST, as it comes from its makers.
#
# Rscript sdmx_client.R BASE DATAFLOW KEY
#
# Prints the dataflows, then the dimensions, each on a line, then the cells from 2023 on:
# SEX,TIME_PERIOD,value. What certificate is trusted is said by CURL_CA_BUNDLE.
library(rsdmx)
httr::set_config(httr::config(cainfo = Sys.getenv("CURL_CA_BUNDLE")))
arguments <- commandArgs(trailingOnly = TRUE)
base <- arguments[1]
flow <- arguments[2]
read <- function(path) readSDMX(file = paste0(base, path), isURL = TRUE)
flows <- as.data.frame(read("/dataflow/all/all/latest/"))
cat(sort(flows$id), "\n")
structure <- read(paste0("/datastructure/all/DSD_", flow, "/latest/?references=children"))
components <- as.data.frame(structure@datastructures@datastructures[[1]]@Components)
cat(components$conceptRef[components$component == "Dimension"], "\n")
data <- read(paste0("/data/", flow, "/", arguments[3], "/all/?startPeriod=2023"))
cells <- as.data.frame(data)
cat(sprintf("%s,%s,%s\n", cells$SEX, cells$obsTime, cells$obsValue), sep = "")
